import { useSignal } from "@preact/signals";
import { postEvent } from "../data/machine";
import { Dialog, messageOf, toast } from "./feedback";

/** Leaves a note for those who look at the machine later. */
export function NoteDialog({ machine, close, done }: { machine: string; close: () => void; done: () => void }) {
  const text = useSignal("");
  const busy = useSignal(false);
  const error = useSignal("");
  const submit = async (e: Event) => {
    e.preventDefault();
    busy.value = true;
    try {
      await postEvent(machine, { kind: "note", text: text.value.trim() });
      toast("Note saved.");
      done();
      close();
    } catch (failure) {
      error.value = messageOf(failure);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog title="Note" close={close}>
      <form class="stack" onSubmit={(e) => void submit(e)}>
        <div class="field">
          <label for="note-text">What should others know?</label>
          <textarea id="note-text" class="input" required maxLength={1000} autofocus value={text.value} onInput={(e) => (text.value = e.currentTarget.value)} />
        </div>
        {error.value && (
          <p class="notice bad" role="alert">
            {error.value}
          </p>
        )}
        <div class="row">
          <button class="button primary" disabled={busy.value}>
            Save
          </button>
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
