// Text for a terminal: columns, and numbers as people say them.

/** Columns as wide as their longest cell; all but the first to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => `${row.map(pad).join('  ').trimEnd()}\n`).join('');
}

/** 0.0123 -> `1.2%`. */
export function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))}%`;
}

/** Three digits where it is small, whole where it is not. */
export function amount(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
