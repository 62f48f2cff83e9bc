import { signal } from "@preact/signals";

/** Where the page is: #/machines/press-1?from=…  */
export interface Route {
  /** The decoded segments of the path. */
  path: readonly string[];
  query: URLSearchParams;
}

function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const segments = path.split("/").filter(Boolean).map((segment) => {
    try {
      return decodeURIComponent(segment);
    } catch {
      return segment;
    }
  });
  return { path: segments, query: new URLSearchParams(query) };
}

/** The present route. */
export const route = signal<Route>(parse(location.hash));
addEventListener("hashchange", () => (route.value = parse(location.hash)));

/** The link to a view. Empty and undefined parameters are left out. */
export function link(path: readonly string[], query: Record<string, string | number | undefined> = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== "") params.set(name, String(value));
  const text = params.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** Goes to a view; `replace` leaves no entry in the browser's history. */
export function go(to: string, replace = false): void {
  if (replace) {
    history.replaceState(null, "", to);
    route.value = parse(location.hash);
  } else {
    location.hash = to;
  }
}

/** Changes parameters of the present view without an entry in the history. */
export function setQuery(changes: Record<string, string | number | undefined>): void {
  const query: Record<string, string | number | undefined> = { ...Object.fromEntries(route.peek().query), ...changes };
  go(link(route.peek().path, query), true);
}

/** Whether the page hangs on a wall: /?wall */
export const wall = new URLSearchParams(location.search).has("wall");
