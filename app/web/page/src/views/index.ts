import { Alarms } from "./alarms";
import { MachineView } from "./machine";
import { Oee } from "./oee";
import { Overview } from "./overview";
import { Settings } from "./settings";
import { System } from "./system";
import type { ViewEntry } from "./view";
import { Wall } from "./wall";

/** All views, in the order of the navigation. */
export const views: readonly ViewEntry[] = [
  { name: "", title: "Overview", icon: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z", component: Overview, wall: Wall },
  { name: "alarms", title: "Alarms", icon: "M12 3a6 6 0 0 0-6 6v5l-2 3h16l-2-3V9a6 6 0 0 0-6-6zM10 20h4", component: Alarms },
  { name: "oee", title: "OEE", icon: "M4 20V10M10 20V4M16 20v-7M22 20H2", component: Oee },
  { name: "system", title: "System", icon: "M3 5h18v6H3zM3 13h18v6H3zM7 8h.01M7 16h.01", component: System },
  { name: "settings", title: "Settings", icon: "M4 6h10M18 6h2M4 12h2M10 12h10M4 18h8M16 18h4M16 4v4M8 10v4M14 16v4", component: Settings },
  { name: "machines", title: "Machine", component: MachineView },
];
