import { useSignal } from "@preact/signals";
import { signIn } from "../data/api";
import { messageOf } from "./feedback";

/** Exchanges an API key for a session. */
export function SignIn() {
  const key = useSignal("");
  const busy = useSignal(false);
  const error = useSignal("");
  const submit = async (e: Event) => {
    e.preventDefault();
    if (!key.value || busy.value) return;
    busy.value = true;
    error.value = "";
    try {
      await signIn(key.value);
    } catch (reason) {
      error.value = messageOf(reason);
    } finally {
      busy.value = false;
    }
  };
  return (
    <main>
      <form class="card stack" style={{ padding: "1.5rem", width: "min(26rem, 100%)", margin: "12dvh auto 0" }} onSubmit={(e) => void submit(e)}>
        <h1>Smart Factory</h1>
        <div class="field">
          <label for="key">API key</label>
          <input
            id="key"
            class="input"
            type="password"
            autocomplete="current-password"
            autofocus
            required
            value={key.value}
            aria-invalid={error.value ? "true" : undefined}
            aria-describedby="key-help"
            onInput={(e) => (key.value = e.currentTarget.value)}
          />
          <span id="key-help" class={error.value ? "error" : "hint"} role={error.value ? "alert" : undefined}>
            {error.value || "The secret of a key in API_KEYS. Ask the operator of this server for one."}
          </span>
        </div>
        <button class="button primary" disabled={busy.value}>
          {busy.value ? "Signing in …" : "Sign in"}
        </button>
        <p class="small">
          <a href="/manual">Manual</a>
        </p>
      </form>
    </main>
  );
}
