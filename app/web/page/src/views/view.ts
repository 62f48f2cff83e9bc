import type { ComponentType } from "preact";

/** What a view gets: the segments of the route after its name. */
export interface ViewProps {
  path: readonly string[];
}

/** A view of the page. Those with an icon are in the navigation. */
export interface ViewEntry {
  /** The first segment of its route; empty for the first view. */
  name: string;
  title: string;
  /** The path of an icon of 24 × 24. */
  icon?: string;
  component: ComponentType<ViewProps>;
  /** What a wall screen shows in its place. */
  wall?: ComponentType<ViewProps>;
}
