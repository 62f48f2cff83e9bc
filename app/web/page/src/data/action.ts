import { type Signal, useSignal } from "@preact/signals";
import { messageOf } from "./api";

/** Something that a user starts, such as saving a form. */
export interface Action {
  readonly busy: Signal<boolean>;
  /** Why it failed the last time, for people; empty if it did not. */
  readonly error: Signal<string>;
  /** Runs the action unless it is running. */
  run: (action: () => Promise<void>) => Promise<void>;
}

/** Keeps track of an action of a component. */
export function useAction(): Action {
  const busy = useSignal(false);
  const error = useSignal("");
  const run = async (action: () => Promise<void>) => {
    if (busy.peek()) return;
    busy.value = true;
    error.value = "";
    try {
      await action();
    } catch (reason) {
      error.value = messageOf(reason);
    } finally {
      busy.value = false;
    }
  };
  return { busy, error, run };
}
