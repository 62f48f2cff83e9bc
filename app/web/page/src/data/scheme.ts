import { signal } from "@preact/signals";

/** Light, dark, or as the system has it. */
export type Scheme = "system" | "light" | "dark";

const KEY = "smartfactory-scheme";

function stored(): Scheme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system"; // storage may be forbidden
  }
}

/** The chosen scheme. */
export const scheme = signal<Scheme>(stored());

/** Shows the chosen scheme. */
export function applyScheme(): void {
  if (scheme.value === "system") delete document.documentElement.dataset["scheme"];
  else document.documentElement.dataset["scheme"] = scheme.value;
}

/** Chooses a scheme and remembers it. */
export function setScheme(choice: Scheme): void {
  scheme.value = choice;
  applyScheme();
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // It holds until the page is closed.
  }
}
