import { substitutePromql, type PromqlNames } from '../../analysis/promql.ts';
import type { Settings } from './kind.ts';

/** (1 + margin) x stable's rate is acceptable, and a rate up to `floor` always. */
export interface Margins {
  readonly margin: number;
  readonly floor: number;
}

/** Of checks that compare shares, where the user says nothing. */
export const DEFAULT_MARGIN = '50%';

interface MarginSpec {
  readonly relativeMargin?: string | undefined;
  readonly absoluteFloor?: string | undefined;
}

export function marginSettings(spec: MarginSpec, floor: string): Settings {
  return { relativeMargin: spec.relativeMargin ?? DEFAULT_MARGIN, absoluteFloor: spec.absoluteFloor ?? floor };
}

export function readMargins(settings: Settings): Margins {
  return { margin: readPercent(settings['relativeMargin']), floor: readPercent(settings['absoluteFloor']) };
}

/** `0.5%` -> 0.005. */
export function readPercent(text: string | undefined): number {
  return Number((text ?? '0%').replace('%', '')) / 100;
}

export function readNumber(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

/** Those of the fields that are given. */
export function given(fields: Readonly<Record<string, string | number | undefined>>): Settings {
  return Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
}

/** A query about one version. One that cannot be put together is asked as it is: Prometheus says what is wrong with it, where the user looks. */
export function queryFor(template: string, names: PromqlNames): string {
  const query = substitutePromql(template, names);
  return query.ok ? query.promql : template;
}

/** Queries by column, about one version. */
export function columnsFor(templates: Settings, names: PromqlNames): Settings {
  return Object.fromEntries(Object.entries(templates).map(([column, template]) => [column, queryFor(template, names)]));
}
