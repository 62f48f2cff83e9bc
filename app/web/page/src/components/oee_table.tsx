import type { ComponentChildren } from "preact";
import { number, percent } from "../data/format";
import type { Group } from "../data/oee";

/** The figures of each group as a table with a bar for the OEE. */
export function OeeTable({ groups, name, head }: { groups: readonly Group[]; name: (g: Group) => ComponentChildren; head: string }) {
  return (
    <div class="scroll" role="region" aria-label={`Figures by ${head.toLowerCase()}`} tabIndex={0}>
      <table class="table oee-table">
        <thead>
          <tr>
            <th>{head}</th>
            <th class="wide">
              <span class="hidden-label">OEE as a bar</span>
            </th>
            <th class="number">OEE</th>
            <th class="number">Availability</th>
            <th class="number">Effectiveness</th>
            <th class="number">Quality</th>
            <th class="number">Good</th>
            <th class="number">Scrap</th>
          </tr>
        </thead>
        <tbody>
          {groups.map((g) => (
            <tr key={`${g.key} ${g.from}`}>
              <td dir="auto">{name(g)}</td>
              <td class="wide">
                <span class="bar">
                  <span style={{ width: `${Math.min(100, Math.max(0, (g.oee ?? 0) * 100))}%` }} />
                </span>
              </td>
              <td class="number strong">{percent(g.oee)}</td>
              <td class="number">{percent(g.availability)}</td>
              <td class="number">{percent(g.effectiveness)}</td>
              <td class="number">{percent(g.quality)}</td>
              <td class="number">{number(g.good, 0)}</td>
              <td class="number">{number(g.scrap, 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
