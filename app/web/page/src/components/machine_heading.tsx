import { useComputed } from "@preact/signals";
import { alarmSummaries, type Machine, nameOf } from "../data/plant";
import { ago } from "../data/time";
import { SeverityLabel, StateLabel } from "./marks";

/** The name, open alarms and state of a machine, on a tile. Times stand still unless `ticking`. */
export function MachineHeading({ machine: m, ticking }: { machine: Machine; ticking: boolean }) {
  const state = m.state.value;
  const alarms = useComputed(() => alarmSummaries.value.get(m.id)).value;
  return (
    <>
      <div class="head">
        <span class="name truncate" dir="auto" title={nameOf(m)}>
          {nameOf(m)}
        </span>
        {alarms && (
          <span class={`row ${alarms.active ? "" : "returned"}`}>
            <SeverityLabel severity={alarms.worst} bare />
            <span>
              {alarms.count}
              <span class="hidden-label"> open alarms</span>
            </span>
          </span>
        )}
      </div>
      <div class="state">
        {state ? (
          <>
            <StateLabel state={state.state} />
            <span class="muted truncate" dir="auto">
              {ticking ? ago(state.since) : ""}
              {state.reason ? ` · ${state.reason}` : ""}
            </span>
          </>
        ) : (
          <span class="muted">No state</span>
        )}
      </div>
    </>
  );
}
