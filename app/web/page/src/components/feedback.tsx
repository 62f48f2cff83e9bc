import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ApiError } from "../data/api";

/** What a person should read about an error. */
export function messageOf(error: unknown): string {
  if (error instanceof ApiError && error.problem?.errors?.length) {
    return error.problem.errors.map((e) => `${e.pointer ? `${e.pointer}: ` : ""}${e.detail}`).join("; ");
  }
  return error instanceof Error ? error.message : String(error);
}

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
    <div class="sr-toast" role="status" aria-live="polite">
      {toasts.value.map((t) => (
        <div class="toast" key={t.id}>
          {t.text}
        </div>
      ))}
    </div>
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
