import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { restored } from "./live";

/** The result of a request that a view shows. */
export interface Loaded<T> {
  /** The last good result, also while the next one is loading. */
  readonly data: T | undefined;
  readonly error: unknown;
  readonly loading: boolean;
  /** Loads again. */
  reload: () => void;
}

interface State<T> {
  data: T | undefined;
  error: unknown;
  loading: boolean;
}

/**
 * Loads something when the component appears, when a dependency changes, when the
 * connection is restored, and every `every` milliseconds while the page is shown.
 * A result that comes after a newer request has begun is dropped.
 */
export function useLoad<T>(load: (abort: AbortSignal) => Promise<T>, dependencies: readonly unknown[], every?: number): Loaded<T> {
  const state: Signal<State<T>> = useSignal<State<T>>({ data: undefined, error: undefined, loading: true });
  const attempt = useSignal(0);
  const round = attempt.value;
  const connections = restored.value;
  useEffect(() => {
    const abort = new AbortController();
    const run = async () => {
      state.value = { ...state.peek(), loading: true };
      try {
        const data = await load(abort.signal);
        if (!abort.signal.aborted) state.value = { data, error: undefined, loading: false };
      } catch (error) {
        if (!abort.signal.aborted) state.value = { ...state.peek(), error, loading: false };
      }
    };
    void run();
    const timer = every
      ? setInterval(() => {
          if (!document.hidden && !state.peek().loading) void run();
        }, every)
      : undefined;
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [...dependencies, round, connections]);
  return { ...state.value, reload: () => attempt.value++ };
}
