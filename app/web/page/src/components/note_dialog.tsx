import { useSignal } from "@preact/signals";
import { useAction } from "../data/action";
import { postEvent } from "../data/machine";
import { Dialog, SaveOrCancel, toast } from "./feedback";

/** Leaves a note for those who look at the machine later. */
export function NoteDialog({ machine, close, done }: { machine: string; close: () => void; done: () => void }) {
  const text = useSignal("");
  const action = useAction();
  const submit = (e: Event) => {
    e.preventDefault();
    void action.run(async () => {
      await postEvent(machine, { kind: "note", text: text.value.trim() });
      toast("Note saved.");
      done();
      close();
    });
  };
  return (
    <Dialog title="Note" close={close}>
      <form class="stack" onSubmit={submit}>
        <div class="field">
          <label for="note-text">What should others know?</label>
          <textarea id="note-text" class="input" required maxLength={1000} autofocus value={text.value} onInput={(e) => (text.value = e.currentTarget.value)} />
        </div>
        <SaveOrCancel action={action} cancel={close} />
      </form>
    </Dialog>
  );
}
