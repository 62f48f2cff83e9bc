import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Action } from "../data/action";
import { messageOf } from "../data/api";

/** Shown in the place of what could not be loaded. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div class="notice bad" role="alert">
      <div class="stack">
        <p>{messageOf(error)}</p>
        {retry && (
          <p>
            <button type="button" class="button" onClick={retry}>
              Try again
            </button>
          </p>
        )}
      </div>
    </div>
  );
}

/** Shown while something is loading, in about the size of what comes. */
export function Loading({ height = "8rem" }: { height?: string }) {
  return (
    <div role="status">
      <span class="hidden-label">Loading</span>
      <div class="skeleton" style={{ height }} />
    </div>
  );
}

/** Shown in the place of a list without entries. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

const toasts = signal<readonly { id: number; text: string }[]>([]);
let nextToast = 0;

/** Tells the user something that goes away by itself. */
export function toast(text: string): void {
  const id = nextToast++;
  toasts.value = [...toasts.peek(), { id, text }].slice(-3);
  setTimeout(() => (toasts.value = toasts.peek().filter((t) => t.id !== id)), 6000);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((t) => (
        <div class="toast" key={t.id}>
          {t.text}
        </div>
      ))}
    </div>
  );
}

/** Why an action failed, if it did. */
export function ActionError({ action }: { action: Action }) {
  if (!action.error.value) return null;
  return (
    <p class="notice bad" role="alert">
      {action.error.value}
    </p>
  );
}

/** The end of a form in a dialog: why it could not be saved, and its buttons. */
export function SaveOrCancel({ action, cancel }: { action: Action; cancel: () => void }) {
  return (
    <>
      <ActionError action={action} />
      <div class="row">
        <button class="button primary" disabled={action.busy.value}>
          Save
        </button>
        <button type="button" class="button" onClick={cancel}>
          Cancel
        </button>
      </div>
    </>
  );
}

/** A modal dialog that is open as long as it is rendered. Escape and a click beside it call `close`. */
export function Dialog({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      aria-label={title}
      onCancel={(e) => {
        e.preventDefault();
        close();
      }}
      onMouseDown={(e) => {
        if (e.target === e.currentTarget) close();
      }}
    >
      <div>
        <h2>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}
