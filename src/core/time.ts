const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/**
 * Milliseconds of a Gateway API duration (GEP-2257: `1h30m`, `250ms`), `fallback` when it is absent.
 * The API server has checked the form, so anything else is a programming error and is thrown.
 */
export function durationMs(text: string | undefined, fallback: string): number {
  const value = text ?? fallback;
  if (!/^([0-9]{1,5}(h|m|s|ms)){1,4}$/.test(value)) throw new Error(`not a duration: ${JSON.stringify(value)}`);
  let total = 0;
  for (const [, amount, unit] of value.matchAll(/([0-9]+)(ms|h|m|s)/g)) total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return total;
}

/** Whole seconds, rounded up: Kubernetes fields count in seconds. */
export function seconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000);
}

/** Milliseconds since the epoch of an RFC 3339 time; undefined when absent or unreadable. */
export function parseTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Date.parse(text);
  return Number.isNaN(value) ? undefined : value;
}

/** RFC 3339 in UTC with milliseconds. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A GEP-2257 duration, exact, with at most five digits to a unit. For whole milliseconds below 99,999 hours. */
export function formatDuration(ms: number): string {
  const parts = Object.entries(UNIT_MS).reduce<{ readonly rest: number; readonly text: string }>(
    ({ rest, text }, [unit, size]) => {
      const amount = Math.floor(rest / size);
      return { rest: rest - amount * size, text: amount > 0 ? `${text}${amount}${unit}` : text };
    },
    { rest: ms, text: '' },
  );
  return parts.text === '' ? '0s' : parts.text;
}

/** A duration for people: `1h5m`, `42s`, `250ms`. */
export function sayDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const total = Math.round(ms / 1000);
  const parts = [
    [Math.floor(total / 3600), 'h'],
    [Math.floor((total % 3600) / 60), 'm'],
    [total % 60, 's'],
  ] as const;
  return parts
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join('');
}
