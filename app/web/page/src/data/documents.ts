import { entryPath, list, request, send } from "./api";
import type { JsonObject, Schema } from "./schema";

/** A kind of document that the settings show. */
export interface Kind {
  /** The name of its schema. */
  schema: string;
  /** The collection's path, and the member of a list that holds the documents. */
  path: string;
  member: string;
  title: string;
  one: string;
  /** What a list says about a document beside its name. */
  summary: (d: JsonObject) => string;
}

const text = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");

const scope = (d: JsonObject): string => {
  const s = (d["scope"] ?? {}) as JsonObject;
  return [s["site"], s["area"], s["line"], s["machine"] ?? d["machine"]].map(text).filter(Boolean).join(" / ") || "everywhere";
};

const condition = (d: JsonObject): string => {
  const when = (d["when"] ?? {}) as JsonObject;
  const of = [text(d["metric"]), text(when["op"])].filter(Boolean).join(" ");
  return `${of} ${[when["limit"], when["low"], when["high"], when["state"], when["for"]].map(text).filter(Boolean).join(" … ")}`;
};

/** All kinds, in the order of the settings. */
export const kinds: readonly Kind[] = [
  { schema: "machine", path: "machines", member: "machines", title: "Machines", one: "machine", summary: (d) => text(d["path"]) },
  { schema: "product", path: "products", member: "products", title: "Products", one: "product", summary: (d) => (d["ideal_cycle_s"] ? `${text(d["ideal_cycle_s"])} s a piece` : "") },
  { schema: "shift", path: "shifts", member: "shifts", title: "Shifts", one: "shift", summary: (d) => `${text(d["start"])}–${text(d["end"])}, ${((d["days"] ?? []) as string[]).join(" ")} · ${scope(d)}` },
  { schema: "calendar", path: "calendars", member: "calendars", title: "Calendars", one: "calendar", summary: (d) => `${((d["days"] ?? []) as unknown[]).length} days · ${scope(d)}` },
  { schema: "alarm-rule", path: "alarm-rules", member: "alarm_rules", title: "Alarm rules", one: "alarm rule", summary: (d) => `${condition(d)} · ${scope(d)}` },
];

/** The kinds that this server knows; an older one has fewer. */
export async function loadKinds(abort: AbortSignal): Promise<Kind[]> {
  const { schemas } = await request<{ schemas: string[] }>("/api/v1/schemas", { signal: abort });
  return kinds.filter((k) => schemas.includes(k.schema));
}

export const loadSchema = (kind: string, abort: AbortSignal): Promise<Schema> => request<Schema>(entryPath("schemas", kind), { signal: abort });

export async function loadDocuments(kind: Kind, abort: AbortSignal): Promise<JsonObject[]> {
  return list<JsonObject>(`/api/v1/${kind.path}`, kind.member, {}, 20_000, abort);
}

/** A document and its entity tag. */
export interface Versioned {
  data: JsonObject;
  tag: string;
}

export async function loadDocument(path: string, abort: AbortSignal): Promise<Versioned> {
  const response = await send(path, { signal: abort });
  return { data: (await response.json()) as JsonObject, tag: response.headers.get("ETag") ?? "" };
}

/** Writes a document: a new one without a tag, or the version with the tag. */
export async function saveDocument(path: string, data: JsonObject, tag: string | undefined): Promise<void> {
  await send(path, { method: "PUT", body: data, headers: tag ? { "If-Match": tag } : { "If-None-Match": "*" } });
}

export async function deleteDocument(path: string): Promise<void> {
  await send(path, { method: "DELETE" });
}
