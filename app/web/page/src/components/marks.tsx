import type { JSX } from "preact";
import { stateName, words } from "../data/format";
import type { Severity, State } from "../data/types";

// Each state and each severity has a shape of its own, so that nobody needs to see colours.
const stateShapes: Record<State, JSX.Element> = {
  running: <circle cx="8" cy="8" r="6" fill="currentColor" />,
  idle: <circle cx="8" cy="8" r="5.25" fill="none" stroke="currentColor" stroke-width="1.5" />,
  setup: <path d="M8 1.5 14.5 8 8 14.5 1.5 8Z" fill="none" stroke="currentColor" stroke-width="1.5" />,
  blocked: <path d="M2 8h8M7 4.5 10.5 8 7 11.5M13.25 2v12" fill="none" stroke="currentColor" stroke-width="1.75" />,
  starved: <path d="M2.75 2v12M6 8h8M9.5 4.5 6 8l3.5 3.5" fill="none" stroke="currentColor" stroke-width="1.75" />,
  fault: (
    <>
      <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5Z" fill="currentColor" />
      <path d="M5.25 5.25l5.5 5.5m0-5.5l-5.5 5.5" stroke="var(--surface)" stroke-width="1.75" />
    </>
  ),
  planned_stop: <path d="M4 2.5h3v11H4zm5 0h3v11H9z" fill="none" stroke="currentColor" stroke-width="1.25" />,
  offline: <path d="M8 2.25a5.75 5.75 0 1 0 0 11.5 5.75 5.75 0 1 0 0-11.5ZM3 13 13 3" fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="2.2 1.6" />,
};

/** The shape of a state. It has no text; put the state's name beside it. */
export function StateMark({ state }: { state: State }) {
  return (
    <svg class={`state-mark ${state}`} viewBox="0 0 16 16" aria-hidden="true">
      {stateShapes[state]}
    </svg>
  );
}

/** The shape and the name of a state. */
export function StateLabel({ state }: { state: State }) {
  return (
    <>
      <StateMark state={state} />
      <span class={`state-word ${state}`}>{stateName[state]}</span>
    </>
  );
}

const severityShapes: Record<Severity, JSX.Element> = {
  urgent: (
    <>
      <rect x="1" y="1" width="14" height="14" fill="currentColor" />
      <path d="M8 3.5v5.25M8 10.75v1.75" stroke="var(--surface)" stroke-width="2" />
    </>
  ),
  high: (
    <>
      <path d="M8 1 15.5 14.5H.5Z" fill="currentColor" />
      <path d="M8 5.5v4M8 11v1.75" stroke="var(--surface)" stroke-width="1.75" />
    </>
  ),
  medium: <path d="M.5 1.5h15L8 15Z" fill="none" stroke="currentColor" stroke-width="2" />,
  low: <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="2" />,
};

/** The shape of a severity, with its name unless `bare`. */
export function SeverityLabel({ severity, bare }: { severity: Severity; bare?: boolean }) {
  return (
    <span class={`severity ${severity}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        {severityShapes[severity]}
      </svg>
      <span class={bare ? "hidden-label" : undefined}>{words(severity)}</span>
    </span>
  );
}
