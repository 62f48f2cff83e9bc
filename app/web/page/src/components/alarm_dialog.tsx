import { useSignal } from "@preact/signals";
import { useAction } from "../data/action";
import { act, type AlarmAction, alarmStateName, type AlarmDetail, loadAlarm, unacknowledged } from "../data/alarms";
import { may, serverNow } from "../data/api";
import { number, words } from "../data/format";
import { useLoad } from "../data/load";
import { machine, nameOf, openAlarms } from "../data/plant";
import { duration, full, when } from "../data/time";
import type { Alarm } from "../data/types";
import { link } from "../router";
import { ActionError, Dialog, Failure, Loading } from "./feedback";
import { SeverityLabel } from "./marks";

/** All about one alarm, and what can be done about it. */
export function AlarmDialog({ id, close }: { id: string; close: () => void }) {
  const live = openAlarms.value.get(id);
  const detail = useLoad((abort) => loadAlarm(id, abort), [id, live?.seq]);
  const a = detail.data;
  return (
    <Dialog title={a ? a.name || a.rule : "Alarm"} close={close}>
      {detail.error && !a ? <Failure error={detail.error} retry={detail.reload} /> : !a ? <Loading height="12rem" /> : <Details alarm={a} reload={detail.reload} />}
      <div class="row">
        <button type="button" class="button" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function Details({ alarm: a, reload }: { alarm: AlarmDetail; reload: () => void }) {
  const help: [string, string][] = [
    ["Cause", a.cause],
    ["Consequence", a.consequence],
    ["Response", a.response],
    ["Time to respond", a.time_to_respond],
  ];
  return (
    <>
      <div class="row">
        <SeverityLabel severity={a.severity} />
        <span>
          {alarmStateName[a.state]}
          {a.hidden && ` · ${words(a.hidden)}`}
        </span>
        <a href={link(["machines", a.machine], { metric: a.metric, at: a.raised_at })} dir="auto">
          {nameOf(machine(a.machine))}
        </a>
      </div>
      {a.value !== null && (
        <p>
          {a.metric} was <b>{number(a.value)}</b>
          {a.limit !== null && <> with a limit of {number(a.limit)}</>}
        </p>
      )}
      {help.some(([, text]) => text) && (
        <dl class="help">
          {help.map(([word, text]) => text && [<dt key={word}>{word}</dt>, <dd key={`${word}-text`} dir="auto">{text}</dd>])}
        </dl>
      )}
      {may("operate") && a.state !== "normal" && <Actions alarm={a} done={reload} />}
      <div>
        <h3>What happened</h3>
        <ol class="steps">
          {[...a.transitions].reverse().map((t) => (
            <li key={t.seq}>
              <time class="muted" title={full(t.at)}>
                {when(t.at)}
              </time>
              <span>
                {t.change ? words(t.change) : alarmStateName[t.to]}
                {t.by && <span class="muted"> by {t.by}</span>}
                {t.note && <span dir="auto">: {t.note}</span>}
              </span>
            </li>
          ))}
        </ol>
      </div>
    </>
  );
}

const shelves: readonly [string, number][] = [["30 minutes", 30], ["1 hour", 60], ["4 hours", 240], ["8 hours", 480], ["24 hours", 1440]];

function Actions({ alarm: a, done }: { alarm: Alarm; done: () => void }) {
  const note = useSignal("");
  const minutes = useSignal(60);
  const action = useAction();
  const run = (name: AlarmAction) =>
    void action.run(async () => {
      const text = note.value.trim();
      const until = name === "shelve" ? { until: serverNow() + minutes.value * 60_000 - 1000 } : {};
      await act(a.id, name, name === "ack" || name === "reset" ? { note: text } : { reason: text, ...until });
      note.value = "";
      done();
    });
  const button = (name: AlarmAction, label: string, primary = false) => (
    <button type="button" class={`button ${primary ? "primary" : ""}`} disabled={action.busy.value} onClick={() => run(name)}>
      {label}
    </button>
  );
  return (
    <div class="card stack actions-card">
      <div class="field">
        <label for="alarm-note">Note or reason</label>
        <input id="alarm-note" class="input" maxLength={1000} value={note.value} onInput={(e) => (note.value = e.currentTarget.value)} />
      </div>
      <ActionError action={action} />
      <div class="row">
        {unacknowledged(a) && button("ack", "Acknowledge", true)}
        {a.state === "latched" && button("reset", "Reset", true)}
        {a.hidden === "shelved" && button("unshelve", "Unshelve")}
        {a.hidden === "out_of_service" && button("return", "Return to service")}
        {a.hidden !== "out_of_service" && a.hidden !== "shelved" && (
          <>
            <span class="row">
              {button("shelve", "Shelve for")}
              <select class="input" aria-label="How long" value={minutes.value} onChange={(e) => (minutes.value = Number(e.currentTarget.value))}>
                {shelves.map(([label, value]) => (
                  <option key={value} value={value}>
                    {label}
                  </option>
                ))}
              </select>
            </span>
            {button("out_of_service", "Out of service")}
          </>
        )}
      </div>
      {a.hidden === "shelved" && a.shelved_until && <p class="muted small">Shelved for another {duration(a.shelved_until - serverNow())}.</p>}
    </div>
  );
}
