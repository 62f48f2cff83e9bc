import type { ComponentChildren } from "preact";
import { messageOf, session, signOut } from "../data/api";
import { connection, lostAt } from "../data/live";
import { openAlarms } from "../data/plant";
import { outdated } from "../data/release";
import { scheme, setScheme, type Scheme } from "../data/scheme";
import { ago, clock, day, now, zone } from "../data/time";
import { SEVERITIES } from "../data/types";
import { link, wall } from "../router";
import { views } from "../views";
import type { ViewEntry } from "../views/view";
import { toast } from "./feedback";
import { SeverityLabel } from "./marks";

/** The frame of all views: navigation, the state of the connection, the user's menu. */
export function Shell({ view, children }: { view: ViewEntry; children: ComponentChildren }) {
  return (
    <div class="shell">
      {!wall && (
        <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>
          Skip to the content
        </a>
      )}
      <header class="top">
        <a class="brand" href={link([])}>
          Smart Factory
        </a>
        {!wall && <Navigation view={view} />}
        <div class="tools">
          <Clock />
          {!wall && <Menu />}
        </div>
      </header>
      <div>
        <ConnectionNotice />
        <ReleaseNotice />
      </div>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

function Navigation({ view }: { view: ViewEntry }) {
  return (
    <nav aria-label="Views">
      {views
        .filter((v) => v.icon)
        .map((v) => (
          <a key={v.name} href={link(v.name ? [v.name] : [])} aria-current={v === view ? "page" : undefined}>
            <svg viewBox="0 0 24 24" width="22" height="22" fill="none" stroke="currentColor" stroke-width="1.75" aria-hidden="true">
              <path d={v.icon} />
            </svg>
            {v.title}
            {v.name === "alarms" && <AlarmCount />}
          </a>
        ))}
    </nav>
  );
}

/** The number of alarms that nobody has acknowledged, in the colour of the worst. */
function AlarmCount() {
  const waiting = [...openAlarms.value.values()].filter((a) => !a.hidden && (a.state === "active_unacked" || a.state === "returned_unacked"));
  const worst = SEVERITIES.find((severity) => waiting.some((a) => a.severity === severity));
  if (!worst) return null;
  return (
    <span class="count">
      <SeverityLabel severity={worst} bare />
      {waiting.length}
      <span class="hidden-label"> to acknowledge</span>
    </span>
  );
}

function Clock() {
  return (
    <span class="wide" title={`Time zone of the plant: ${zone.value}`}>
      {day(now.value)}, <b>{clock(now.value)}</b>
    </span>
  );
}

function ConnectionNotice() {
  if (connection.value !== "lost") return null;
  return (
    <p class="lost" role="alert">
      No connection to the server for {ago(lostAt.value)}. What you see is not up to date. Reconnecting …
    </p>
  );
}

function ReleaseNotice() {
  if (!outdated.value) return null;
  return (
    <div class="news row spread" role="status">
      <span>The server has a new release of this page.</span>
      <button type="button" class="button" onClick={() => location.reload()}>
        Reload
      </button>
    </div>
  );
}

const schemes: readonly [Scheme, string][] = [["system", "Colours of the system"], ["light", "Light"], ["dark", "Dark"]];

function Menu() {
  const s = session.value;
  const close = (e: Event) => (e.currentTarget as Element).closest("details")?.removeAttribute("open");
  return (
    <details
      class="menu"
      onKeyDown={(e) => {
        if (e.key !== "Escape") return;
        e.currentTarget.removeAttribute("open");
        e.currentTarget.querySelector("summary")?.focus();
      }}
      onFocusOut={(e) => {
        if (!e.currentTarget.contains(e.relatedTarget as Node | null)) e.currentTarget.removeAttribute("open");
      }}
    >
      <summary aria-label="Menu">
        <svg viewBox="0 0 24 24" width="22" height="22" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
          <path d="M4 6h16M4 12h16M4 18h16" />
        </svg>
      </summary>
      <div>
        {s && !s.open && (
          <span class="muted small">
            {s.name}, role {s.role}
          </span>
        )}
        <a href="/manual">Manual</a>
        <a href="/api/docs">API reference</a>
        <a href="/?wall">Wall screen</a>
        {schemes.map(([value, label]) => (
          <button key={value} type="button" aria-pressed={scheme.value === value} onClick={(e) => { setScheme(value); close(e); }}>
            {scheme.value === value ? "● " : "○ "}
            {label}
          </button>
        ))}
        {s && !s.open && (
          <button type="button" onClick={() => void signOut().catch((error: unknown) => toast(messageOf(error)))}>
            Sign out
          </button>
        )}
      </div>
    </details>
  );
}
