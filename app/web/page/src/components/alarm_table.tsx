import { type Signal, useSignal } from "@preact/signals";
import { act, alarmStateName, unacknowledged } from "../data/alarms";
import { may, messageOf } from "../data/api";
import { number, words } from "../data/format";
import { machine, nameOf } from "../data/plant";
import { ago, duration, full, when } from "../data/time";
import type { Alarm } from "../data/types";
import { link, setQuery } from "../router";
import { toast } from "./feedback";
import { SeverityLabel } from "./marks";

/** How many rows are drawn at first, and more at each request. */
const ROWS = 200;

/** Alarms in the given order, at first `first` of them. With `selected`, those to acknowledge can be chosen. */
export function AlarmTable({ alarms, selected, history, first = ROWS }: { alarms: readonly Alarm[]; selected?: Signal<ReadonlySet<string>> | undefined; history?: boolean; first?: number }) {
  const rows = useSignal(first);
  const shown = alarms.slice(0, rows.value);
  const selectable = selected && may("operate") ? shown.filter(unacknowledged) : [];
  const allSelected = selectable.length > 0 && selectable.every((a) => selected!.value.has(a.id));
  return (
    <>
      <div class="card">
        <table class="table alarms">
          <thead>
            <tr>
              {selected && may("operate") && (
                <th class="choose">
                  <input
                    type="checkbox"
                    aria-label="Select all shown alarms to acknowledge"
                    checked={allSelected}
                    disabled={!selectable.length}
                    onChange={() => (selected.value = new Set(allSelected ? [] : selectable.map((a) => a.id)))}
                  />
                </th>
              )}
              <th>Severity</th>
              <th>Alarm</th>
              <th>State</th>
              <th class="number">Value</th>
              <th>Raised</th>
              <th>
                <span class="hidden-label">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((a) => (
              <Row key={a.id} alarm={a} selected={selected} history={history} />
            ))}
          </tbody>
        </table>
      </div>
      {alarms.length > shown.length && (
        <p>
          <button type="button" class="button" onClick={() => (rows.value += ROWS)}>
            Show more of {alarms.length}
          </button>
        </p>
      )}
    </>
  );
}

function Row({ alarm: a, selected, history }: { alarm: Alarm; selected?: Signal<ReadonlySet<string>> | undefined; history?: boolean | undefined }) {
  const busy = useSignal(false);
  const waits = unacknowledged(a);
  const acknowledge = async () => {
    busy.value = true;
    try {
      await act(a.id, "ack");
    } catch (error) {
      toast(messageOf(error));
    } finally {
      busy.value = false;
    }
  };
  const toggle = (on: boolean) => {
    const next = new Set(selected!.value);
    if (on) next.add(a.id);
    else next.delete(a.id);
    selected!.value = next;
  };
  return (
    <tr class={`${waits && !a.hidden ? "waits" : ""} ${a.state === "returned_unacked" || a.state === "normal" ? "returned" : ""}`} data-alarm={a.id}>
      {selected && may("operate") && (
        <td class="choose">
          {waits && <input type="checkbox" aria-label={`Select ${a.name || a.rule} of ${a.machine}`} checked={selected.value.has(a.id)} onChange={(e) => toggle(e.currentTarget.checked)} />}
        </td>
      )}
      <td class="severity-cell">
        <SeverityLabel severity={a.severity} />
      </td>
      <td class="what">
        <button type="button" class="name" dir="auto" onClick={() => setQuery({ id: a.id })}>
          {a.name || a.rule}
        </button>
        <div class="muted small">
          <a href={link(["machines", a.machine], { metric: a.metric })} dir="auto">
            {nameOf(machine(a.machine))}
          </a>
          {a.metric && <span> · {a.metric}</span>}
        </div>
      </td>
      <td class="state-cell">
        {a.hidden ? words(a.hidden) : alarmStateName[a.state]}
        {a.hidden === "shelved" && a.shelved_until && <div class="muted small">until {when(a.shelved_until)}</div>}
        {a.acked_by && !waits && <div class="muted small">by {a.acked_by}</div>}
      </td>
      <td class="number value-cell">
        {a.value !== null && number(a.value)}
        {a.limit !== null && a.value !== null && <div class="muted small">limit {number(a.limit)}</div>}
      </td>
      <td class="time-cell" title={full(a.raised_at)}>
        {when(a.raised_at)}
        <div class="muted small">{history && a.state === "normal" ? `for ${duration(a.since - a.raised_at)}` : `${ago(a.raised_at)} ago`}</div>
      </td>
      <td class="actions">
        {waits && may("operate") && (
          <button type="button" class="button" disabled={busy.value} onClick={() => void acknowledge()} aria-label={`Acknowledge ${a.name || a.rule} of ${a.machine}`}>
            Acknowledge
          </button>
        )}
      </td>
    </tr>
  );
}
