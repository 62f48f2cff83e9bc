import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Failure, Loading, Toasts } from "./components/feedback";
import { Shell } from "./components/shell";
import { SignIn } from "./components/sign_in";
import { loadSession, session } from "./data/api";
import { loadMachines, restored, startLive, stopLive, watch } from "./data/live";
import { checkRelease } from "./data/release";
import { loadZone } from "./data/time";
import { views } from "./views";
import { route, wall } from "./router";

// How often documents are read again, and the release compared.
const DOCUMENTS_EVERY = 60_000;
const RELEASE_EVERY = 60_000;

/** The whole page: who the user is, the live connection, and the view of the route. */
export function App() {
  const failure = useSignal<unknown>(undefined);
  useEffect(() => {
    const attempt = () => loadSession().then(() => (failure.value = undefined)).catch((error: unknown) => (failure.value = error));
    void attempt();
    const timer = setInterval(() => failure.peek() && void attempt(), 3000);
    return () => clearInterval(timer);
  }, []);
  if (session.value) {
    return (
      <>
        <SignedIn />
        <Toasts />
      </>
    );
  }
  if (session.value === null) return <SignIn />;
  return <main>{failure.value ? <Failure error={failure.value} /> : <Loading />}</main>;
}

function SignedIn() {
  const failure = useSignal<unknown>(undefined);
  useEffect(() => {
    const load = () =>
      Promise.all([loadMachines(), loadZone()])
        .then(() => (failure.value = undefined))
        .catch((error: unknown) => (failure.value = error));
    void load();
    void startLive().catch((error: unknown) => (failure.value = error));
    const unwatch = watch("alarms");
    void checkRelease();
    const documents = setInterval(() => !document.hidden && void load(), DOCUMENTS_EVERY);
    const release = setInterval(() => !document.hidden && void checkRelease(), RELEASE_EVERY);
    const unsubscribe = restored.subscribe((count) => count && void checkRelease());
    return () => {
      clearInterval(documents);
      clearInterval(release);
      unsubscribe();
      unwatch();
      stopLive();
    };
  }, []);
  const [name = "", ...rest] = route.value.path;
  const view = views.find((v) => v.name === name) ?? views[0]!;
  const View = wall && name === "" && view.wall ? view.wall : view.component;
  useEffect(() => {
    document.title = view.name === "" ? "Smart Factory" : `${rest[0] ?? view.title} · Smart Factory`;
  }, [view, rest[0]]);
  useEffect(() => {
    document.body.classList.toggle("wall", wall);
  }, []);
  return (
    <Shell view={view}>
      {failure.value ? <Failure error={failure.value} /> : null}
      <View key={route.value.path.join("/")} path={rest} />
    </Shell>
  );
}
