// Words of the command line as values. Whatever cannot be read is refused with its name, what was written, and what can be.

import { parseArgs } from 'node:util';
import { quote } from '../core/version/text.ts';
import { durationMs } from '../core/time.ts';
import { Refusal } from './command.ts';

/** Options with a value, by name, with what stands in for those that are not given; `json` is the one that has no value. */
export interface Words<Name extends string> {
  readonly values: Readonly<Record<Name, string>>;
  readonly json: boolean;
  readonly files: readonly string[];
}

/** `--name value` and `--name=value`; names that are not in `defaults` are refused. */
export function parseOptions<Name extends string>(words: readonly string[], defaults: Readonly<Record<Name, string>>): Words<Name> {
  const names = Object.keys(defaults) as Name[];
  const options: Record<string, { readonly type: 'string' | 'boolean' }> = { json: { type: 'boolean' } };
  for (const name of names) options[name] = { type: 'string' };
  try {
    const { values, positionals } = parseArgs({ args: [...words], options, allowPositionals: true });
    const given = values as Partial<Record<Name, string>> & { readonly json?: boolean };
    return { values: { ...defaults, ...given }, json: given.json === true, files: positionals };
  } catch (error) {
    // Its first sentence names the option; what follows is about another way of writing it.
    const said = (error as Error).message.split(/[.\n]/)[0] ?? '';
    throw new Refusal(`${said}; there are ${[...names, 'json'].map((name) => `--${name}`).join(', ')}`);
  }
}

/** `0.5%` or `0.005` -> 0.005. Above 1 only in per cent: whoever writes `50` means `50%`, and not 5000 %. */
export function readShare(name: string, text: string, most = 1): number {
  const isPercent = text.endsWith('%');
  const share = unsigned(text.replace(/%$/, '')) / (isPercent ? 100 : 1);
  if (share <= (isPercent ? most : 1)) return share;
  throw refuse(name, text, `write a share from 0% to ${100 * most}%, such as 0.5% or 0.005${most > 1 ? '; above 1 in per cent, such as 150%' : ''}`);
}

/** A share strictly between 0 and 1. */
export function readChance(name: string, text: string): number {
  const share = readShare(name, text);
  if (share > 0 && share < 1) return share;
  throw refuse(name, text, 'write a share between 0% and 100%, such as 1% or 0.01');
}

export function readNumber(name: string, text: string, least: number, most: number): number {
  const value = unsigned(text);
  if (value >= least && value <= most) return value;
  throw refuse(name, text, `write a number from ${least} to ${most}`);
}

export function readWhole(name: string, text: string, least: number, most: number): number {
  const value = unsigned(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw refuse(name, text, `write a whole number from ${least} to ${most}`);
}

/** `5m`, `1h30m` -> milliseconds. */
export function readDuration(name: string, text: string, leastMs: number): number {
  const isDuration = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/.test(text);
  const value = isDuration ? durationMs(text, '0s') : NaN;
  if (value >= leastMs) return value;
  throw refuse(name, text, leastMs > 0 ? 'write a time above 0 such as 15s or 1h30m' : 'write a time such as 15s or 1h30m');
}

export function readWord<Word extends string>(name: string, text: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw refuse(name, text, `write ${words.join(' or ')}`);
}

export function refuse(name: string, text: string, wayOut: string): Refusal {
  return new Refusal(`--${name} is ${quote(text)}: ${wayOut}`);
}

/** A plain decimal number without a sign; NaN for anything else. */
export function unsigned(text: string): number {
  return /^([0-9]{1,16}(\.[0-9]{0,16})?|\.[0-9]{1,16})(e-?[0-9]{1,2})?$/i.test(text) ? Number(text) : NaN;
}
