import { signal } from "@preact/signals";

/** Whether the server has another release of this page. */
export const outdated = signal(false);

let known: string | null = null;

/** Compares the page that the server has now with the one that was loaded. */
export async function checkRelease(): Promise<void> {
  try {
    const response = await fetch("/", { method: "HEAD", cache: "no-store" });
    const tag = response.headers.get("ETag");
    if (!response.ok || !tag) return;
    known ??= tag;
    outdated.value = tag !== known;
  } catch {
    // The connection is lost, which the page says by itself.
  }
}
