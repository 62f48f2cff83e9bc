import { useSignal } from "@preact/signals";
import { useAction } from "../data/action";
import { signIn } from "../data/api";

/** Exchanges an API key for a session. */
export function SignIn() {
  const key = useSignal("");
  const action = useAction();
  const error = action.error.value;
  const submit = (e: Event) => {
    e.preventDefault();
    if (key.value) void action.run(() => signIn(key.value));
  };
  return (
    <main>
      <form class="card stack" style={{ padding: "1.5rem", width: "min(26rem, 100%)", margin: "12dvh auto 0" }} onSubmit={submit}>
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
            aria-invalid={error ? "true" : undefined}
            aria-describedby="key-help"
            onInput={(e) => (key.value = e.currentTarget.value)}
          />
          <span id="key-help" class={error ? "error" : "hint"} role={error ? "alert" : undefined}>
            {error || "The secret of a key in API_KEYS. Ask the operator of this server for one."}
          </span>
        </div>
        <button class="button primary" disabled={action.busy.value}>
          {action.busy.value ? "Signing in …" : "Sign in"}
        </button>
        <p class="small">
          <a href="/manual">Manual</a>
        </p>
      </form>
    </main>
  );
}
