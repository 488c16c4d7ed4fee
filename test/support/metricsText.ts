// What /metrics of the operator says, as series.

/** One series of /metrics. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** All series of the text format of Prometheus. Throws at a line that is none. */
export function readSamples(text: string): readonly Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(readSample);
}

function readSample(line: string): Sample {
  const match = /^([a-zA-Z0-9_:]+)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (!match) throw new Error(`/metrics has a line that is no series: ${line}`);
  const pairs = [...(match[2] ?? '').matchAll(/([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"/g)].map(
    ([, key = '', value = '']) => [key, value] as const,
  );
  return { name: match[1]!, labels: Object.fromEntries(pairs), value: Number(match[3]) };
}
