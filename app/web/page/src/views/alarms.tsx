import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { AlarmDialog } from "../components/alarm_dialog";
import { AlarmPerformance } from "../components/alarm_performance";
import { AlarmTable } from "../components/alarm_table";
import { Empty, Failure, Loading, toast } from "../components/feedback";
import { acknowledgeAll, byUrgency, unacknowledged } from "../data/alarms";
import { may, messageOf, request } from "../data/api";
import { words } from "../data/format";
import { watch } from "../data/live";
import { useLoad } from "../data/load";
import { openAlarms } from "../data/plant";
import { type Alarm, SEVERITIES, type Severity } from "../data/types";
import { link, route, setQuery } from "../router";
import type { ViewProps } from "./view";

const tabs = [
  ["", "Open"],
  ["hidden", "Hidden"],
  ["history", "History"],
  ["performance", "Performance"],
] as const;

/** The alarms of the plant: open ones by urgency, hidden ones, those that are over, and their figures. */
export function Alarms({ path }: ViewProps) {
  const tab = path[0] ?? "";
  const id = route.value.query.get("id");
  return (
    <>
      <div class="row spread">
        <h1>Alarms</h1>
        <nav class="buttons joined" aria-label="Lists of alarms">
          {tabs.map(([name, title]) => (
            <a key={name} class="button" href={link(name ? ["alarms", name] : ["alarms"])} aria-current={tab === name ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
      </div>
      {tab === "performance" ? <AlarmPerformance /> : tab === "history" ? <History /> : <OpenAlarms hidden={tab === "hidden"} />}
      {id && <AlarmDialog id={id} close={() => setQuery({ id: undefined })} />}
    </>
  );
}

function SeverityFilter() {
  const chosen = route.value.query.get("severity") ?? "";
  return (
    <div class="buttons joined" role="group" aria-label="Severity">
      {["", ...SEVERITIES].map((severity) => (
        <button key={severity} type="button" class="button" aria-pressed={chosen === severity} onClick={() => setQuery({ severity })}>
          {severity ? words(severity) : "All"}
        </button>
      ))}
    </div>
  );
}

function OpenAlarms({ hidden }: { hidden: boolean }) {
  const search = useSignal("");
  const selected = useSignal<ReadonlySet<string>>(new Set());
  const busy = useSignal(false);
  const severity = route.value.query.get("severity") as Severity | null;
  const all = useComputed(() => [...openAlarms.value.values()].sort(byUrgency));
  // Hidden alarms are not in the rooms; the list of them is read.
  const stored = useLoad((abort) => (hidden ? request<{ alarms: Alarm[] }>("/api/v1/alarms", { query: { state: "hidden", limit: 1000 }, signal: abort }) : Promise.resolve(undefined)), [hidden, openAlarms.value.size], 10_000);
  useEffect(() => watch("alarms"), []);
  const text = search.value.trim().toLowerCase();
  const source = hidden ? (stored.data?.alarms ?? []) : all.value.filter((a) => !a.hidden);
  const shown = source.filter(
    (a) => (!severity || a.severity === severity) && (!text || `${a.name} ${a.rule} ${a.machine} ${a.metric}`.toLowerCase().includes(text)),
  );
  const waiting = shown.filter(unacknowledged);
  const chosen = waiting.filter((a) => selected.value.has(a.id));
  const acknowledge = async () => {
    busy.value = true;
    try {
      const refused = await acknowledgeAll(chosen.map((a) => a.id));
      selected.value = new Set();
      toast(refused ? `${refused} alarms had changed and were not acknowledged.` : `${chosen.length} alarms acknowledged.`);
    } catch (error) {
      toast(messageOf(error));
    } finally {
      busy.value = false;
    }
  };
  return (
    <>
      <div class="row">
        <SeverityFilter />
        <input
          class="input search"
          type="search"
          placeholder="Name, machine or metric"
          aria-label="Show only alarms with this text"
          value={search.value}
          onInput={(e) => (search.value = e.currentTarget.value)}
        />
        <span class="muted">
          {shown.length} {shown.length === 1 ? "alarm" : "alarms"}
          {!hidden && `, ${waiting.length} to acknowledge`}
        </span>
        {may("operate") && chosen.length > 0 && (
          <button type="button" class="button primary" disabled={busy.value} onClick={() => void acknowledge()}>
            Acknowledge {chosen.length} selected
          </button>
        )}
      </div>
      {hidden && stored.error ? <Failure error={stored.error} retry={stored.reload} /> : null}
      {hidden && !stored.data && stored.loading ? (
        <Loading height="12rem" />
      ) : shown.length ? (
        <AlarmTable alarms={shown} selected={hidden ? undefined : selected} />
      ) : source.length ? (
        <Empty title="No alarm matches the filter" />
      ) : hidden ? (
        <Empty title="No alarm is hidden">
          <p>Alarms that somebody has shelved or taken out of service appear here, and those that their rule suppresses.</p>
        </Empty>
      ) : (
        <Empty title="No open alarms">
          <p>Nothing needs anybody’s attention. Rules decide when an alarm is raised.</p>
          <p>
            <a href={link(["settings", "alarm-rules"])}>Alarm rules</a>
          </p>
        </Empty>
      )}
    </>
  );
}

interface Page {
  alarms: Alarm[];
  next_cursor?: string;
}

/** All alarms, also those that are over, the newest first. */
function History() {
  const severity = route.value.query.get("severity") ?? "";
  const more = useSignal<Alarm[]>([]);
  const cursor = useSignal<string | undefined>(undefined);
  const query = { state: "all", severity, limit: 100 };
  const first = useLoad(
    async (abort) => {
      const page = await request<Page>("/api/v1/alarms", { query, signal: abort });
      more.value = [];
      cursor.value = page.next_cursor;
      return page.alarms;
    },
    [severity],
  );
  const busy = useSignal(false);
  const loadMore = async () => {
    busy.value = true;
    try {
      const page = await request<Page>("/api/v1/alarms", { query: { ...query, cursor: cursor.value } });
      more.value = [...more.value, ...page.alarms];
      cursor.value = page.next_cursor;
    } catch (error) {
      toast(messageOf(error));
    } finally {
      busy.value = false;
    }
  };
  const shown = [...(first.data ?? []), ...more.value];
  return (
    <>
      <div class="row">
        <SeverityFilter />
        <button type="button" class="button" onClick={first.reload}>
          Refresh
        </button>
      </div>
      {first.error ? <Failure error={first.error} retry={first.reload} /> : null}
      {!first.data && first.loading ? <Loading height="12rem" /> : shown.length ? <AlarmTable alarms={shown} history /> : !first.error && <Empty title="There have been no alarms" />}
      {cursor.value && (
        <p>
          <button type="button" class="button" disabled={busy.value} onClick={() => void loadMore()}>
            Older alarms
          </button>
        </p>
      )}
    </>
  );
}
