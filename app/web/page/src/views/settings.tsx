import { useSignal } from "@preact/signals";
import { DocumentEditor } from "../components/document_editor";
import { Empty, Failure, Loading } from "../components/feedback";
import { MetricList } from "../components/metric_list";
import { entryPath, may } from "../data/api";
import { type Kind, loadDocuments, loadKinds } from "../data/documents";
import { loadMachines } from "../data/live";
import { useLoad } from "../data/load";
import type { JsonObject } from "../data/schema";
import { loadZone } from "../data/time";
import { go, link, route } from "../router";
import type { ViewProps } from "./view";

/** The documents that describe the plant, edited by forms that follow the API's schemas. */
export function Settings({ path }: ViewProps) {
  const available = useLoad(loadKinds, []);
  const kind = available.data?.find((k) => k.path === path[0]) ?? available.data?.[0];
  if (available.error && !available.data) return <Failure error={available.error} retry={available.reload} />;
  if (!available.data || !kind) return <Loading height="20rem" />;
  const id = path[1];
  const isNew = route.value.query.has("new");
  return (
    <>
      <h1>Settings</h1>
      <div class="settings">
        <nav aria-label="Kinds of settings">
          {available.data.map((k) => (
            <a key={k.path} href={link(["settings", k.path])} aria-current={k === kind ? "page" : undefined}>
              {k.title}
            </a>
          ))}
        </nav>
        <div class="stack">
          {!may("admin") && <p class="notice">You can look at the settings. Changing them needs a key with the role admin.</p>}
          {id !== undefined || isNew ? <Editor kind={kind} id={id} metric={path[2] === "metrics" ? path[3] : undefined} /> : <DocumentList kind={kind} />}
        </div>
      </div>
    </>
  );
}

function Editor({ kind, id, metric }: { kind: Kind; id: string | undefined; metric: string | undefined }) {
  const back = link(["settings", kind.path]);
  if (id !== undefined && metric !== undefined) {
    const machine = link(["settings", kind.path, id]);
    const path = `${entryPath("machines", id)}/metrics/${encodeURIComponent(metric)}`;
    return <DocumentEditor title={`${id}: ${metric}`} schema="metric" path={path} back={machine} saved={() => undefined} />;
  }
  const saved = (newId: string) => {
    if (kind.path === "machines") void loadMachines().catch(() => undefined);
    if (kind.path === "shifts") void loadZone().catch(() => undefined);
    if (id === undefined) go(link(["settings", kind.path, newId]));
  };
  return (
    <>
      <DocumentEditor
        title={id ?? `New ${kind.one}`}
        schema={kind.schema}
        path={id === undefined ? undefined : entryPath(kind.path, id)}
        create={(newId) => entryPath(kind.path, newId)}
        back={back}
        saved={saved}
        deletable={id !== undefined}
      />
      {kind.path === "machines" && id !== undefined && <MetricList machine={id} />}
    </>
  );
}

const SHOWN = 200;

function DocumentList({ kind }: { kind: Kind }) {
  const search = useSignal("");
  const result = useLoad((abort) => loadDocuments(kind, abort), [kind.path], 30_000);
  const needle = search.value.trim().toLowerCase();
  const found = (result.data ?? []).filter((d) => !needle || `${String(d["id"])} ${String(d["name"] ?? "")} ${kind.summary(d)}`.toLowerCase().includes(needle));
  return (
    <>
      <div class="row spread">
        <h2>{kind.title}</h2>
        <div class="row">
          {(result.data?.length ?? 0) > 10 && (
            <input class="input search" type="search" aria-label={`Show only ${kind.title.toLowerCase()} with this text`} placeholder="Name or id" value={search.value} onInput={(e) => (search.value = e.currentTarget.value)} />
          )}
          {may("admin") && (
            <a class="button primary" href={link(["settings", kind.path], { new: 1 })}>
              New {kind.one}
            </a>
          )}
        </div>
      </div>
      {result.error ? <Failure error={result.error} retry={result.reload} /> : null}
      {!result.data ? (
        result.loading && <Loading height="12rem" />
      ) : found.length ? (
        <>
          <div class="card">
            <table class="table">
              <thead>
                <tr>
                  <th>Name</th>
                  <th>Id</th>
                  <th>
                    <span class="hidden-label">Summary</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {found.slice(0, SHOWN).map((d) => (
                  <Row key={String(d["id"])} kind={kind} document={d} />
                ))}
              </tbody>
            </table>
          </div>
          {found.length > SHOWN && <p class="muted">{found.length - SHOWN} more. Search by name or id.</p>}
        </>
      ) : result.data.length ? (
        <Empty title={`No ${kind.one} matches`} />
      ) : (
        <Empty title={`There are no ${kind.title.toLowerCase()} yet`} />
      )}
    </>
  );
}

function Row({ kind, document: d }: { kind: Kind; document: JsonObject }) {
  const id = String(d["id"]);
  return (
    <tr>
      <td>
        <a href={link(["settings", kind.path, id])} dir="auto">
          {String(d["name"] || id)}
        </a>
      </td>
      <td class="muted" dir="auto">
        {id}
      </td>
      <td class="muted" dir="auto">
        {kind.summary(d)}
      </td>
    </tr>
  );
}
