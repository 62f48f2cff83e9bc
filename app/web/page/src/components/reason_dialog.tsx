import { useSignal } from "@preact/signals";
import { useAction } from "../data/action";
import { serverNow } from "../data/api";
import { stateName } from "../data/format";
import { useLoad } from "../data/load";
import { postEvent, type Segment } from "../data/machine";
import { loadReasons } from "../data/oee";
import { clockSeconds, duration, full } from "../data/time";
import { Dialog, SaveOrCancel, toast } from "./feedback";

const MONTH = 30 * 86_400_000;

/** Gives a stop, or a part of it, its reason. */
export function ReasonDialog({ machine, segment, close, done }: { machine: string; segment: Segment; close: () => void; done: () => void }) {
  const reason = useSignal(segment.reason);
  const note = useSignal("");
  const from = useSignal(clockSeconds(segment.from));
  const to = useSignal(clockSeconds(segment.to));
  const action = useAction();
  // The reasons that people have given before, so that one thing keeps one name.
  const known = useLoad((abort) => loadReasons({ from: Math.round(serverNow() - MONTH) }, abort), []);
  const submit = (e: Event) => {
    e.preventDefault();
    void action.run(async () => {
      const begin = instant(from.value, segment) ?? segment.from;
      const end = to.value === clockSeconds(segment.to) ? segment.to : (instant(to.value, segment) ?? segment.to);
      if (end <= begin) throw new Error("The end must be after the beginning.");
      const text = note.value.trim();
      await postEvent(machine, { kind: "reason", from: Math.round(begin), to: Math.round(end), reason: reason.value.trim(), ...(text && { note: text }) });
      toast("Reason saved.");
      done();
      close();
    });
  };
  return (
    <Dialog title="Why did it stop?" close={close}>
      <form class="stack" onSubmit={submit}>
        <p class="muted">
          {stateName[segment.state]} from {full(segment.from)}, for {duration(segment.to - segment.from)}
        </p>
        <div class="field">
          <label for="reason">Reason</label>
          <input id="reason" class="input" required maxLength={200} list="known-reasons" autocomplete="off" autofocus value={reason.value} onInput={(e) => (reason.value = e.currentTarget.value)} />
          <datalist id="known-reasons">
            {known.data?.filter((r) => r.reason).map((r) => <option key={r.reason} value={r.reason} />)}
          </datalist>
        </div>
        <div class="row">
          <div class="field">
            <label for="reason-from">From</label>
            <input id="reason-from" class="input" type="time" step="1" value={from.value} onInput={(e) => (from.value = e.currentTarget.value)} />
          </div>
          <div class="field">
            <label for="reason-to">To</label>
            <input id="reason-to" class="input" type="time" step="1" value={to.value} onInput={(e) => (to.value = e.currentTarget.value)} />
          </div>
          <p class="muted small">Shorten it to split the stop.</p>
        </div>
        <div class="field">
          <label for="reason-note">Note</label>
          <input id="reason-note" class="input" maxLength={1000} value={note.value} onInput={(e) => (note.value = e.currentTarget.value)} />
        </div>
        <SaveOrCancel action={action} cancel={close} />
      </form>
    </Dialog>
  );
}

const secondsOf = (time: string): number | undefined => {
  const match = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(time);
  return match ? Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3] ?? 0) : undefined;
};

/** The first moment of a stop at which the plant's clock shows a time; undefined if there is none. */
function instant(time: string, segment: Segment): number | undefined {
  const wanted = secondsOf(time);
  const begin = secondsOf(clockSeconds(segment.from));
  if (wanted === undefined || begin === undefined) return undefined;
  const ts = wanted === begin ? segment.from : Math.floor(segment.from / 1000) * 1000 + ((wanted - begin + 86_400) % 86_400) * 1000;
  return ts > segment.to ? undefined : ts;
}
