import { percent } from "../data/format";
import { type Figures, lossName, LOSSES } from "../data/oee";
import { duration } from "../data/time";

/** The planned busy time as a bar of good production and all losses, which add up to it. */
export function LossBar({ figures: f }: { figures: Figures }) {
  const lost = LOSSES.reduce((sum, loss) => sum + f.losses[loss], 0);
  const parts = [
    { name: "good", title: "Good production", seconds: f.pbt_s - lost },
    ...LOSSES.map((loss) => ({ name: loss, title: lossName[loss], seconds: f.losses[loss] })),
  ];
  // A negative speed loss has no width: the bar is then longer than the planned time.
  const width = parts.reduce((sum, p) => sum + Math.max(0, p.seconds), 0);
  return (
    <>
      <div class="loss-bar" aria-hidden="true">
        {parts.map((p) => p.seconds > 0 && <span key={p.name} class={`loss ${p.name}`} style={{ flexGrow: p.seconds / width }} title={`${p.title}: ${percent(p.seconds / f.pbt_s)}`} />)}
      </div>
      <table class="table loss-table">
        <thead class="hidden-label">
          <tr>
            <th>Part</th>
            <th>Time</th>
            <th>Share</th>
          </tr>
        </thead>
        <tbody>
          {parts
            .filter((p) => p.seconds !== 0 || p.name === "good")
            .map((p) => (
              <tr key={p.name}>
                <td>
                  <span class={`loss key ${p.name}`} aria-hidden="true" /> {p.title}
                </td>
                <td class="number">{p.seconds < 0 ? `−${duration(-p.seconds * 1000)}` : duration(p.seconds * 1000)}</td>
                <td class="number">{f.pbt_s > 0 ? percent(p.seconds / f.pbt_s) : "–"}</td>
              </tr>
            ))}
          <tr class="sum">
            <td>Planned busy time</td>
            <td class="number">{duration(f.pbt_s * 1000)}</td>
            <td class="number">100.0 %</td>
          </tr>
        </tbody>
      </table>
    </>
  );
}
