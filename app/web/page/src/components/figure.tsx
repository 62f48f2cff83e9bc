/** One figure with its name, in a dl. */
export function Figure({ name, value, hint }: { name: string; value: string; hint?: string }) {
  return (
    <div class="figure card">
      <dt class="muted small">{name}</dt>
      <dd>{value}</dd>
      {hint && <dd class="hint muted small">{hint}</dd>}
    </div>
  );
}
