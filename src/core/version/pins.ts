/**
 * What a pointer was resolved to, in the words of its source: `{commit: 4f0c…}`, `{version: "3"}`. Pods fetch by it and never ask the pointer
 * again.
 */
export type Pins = Readonly<Record<string, string>>;

const MOST = 8;
const NAME = /^[a-z][A-Za-z0-9]{0,31}$/;
const VALUE = /^[\x21-\x7e]{1,1024}$/;
/** All pins together leave room for the rest of a termination message. */
const MOST_CHARACTERS = 1536;

/** Whether these can be written down as pins. */
export function arePins(value: Pins): boolean {
  return decodePins(value) !== undefined;
}

/** The pins in a text of somebody who may have written anything; undefined when it is not of that shape. */
export function decodePins(value: unknown): Pins | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  const isOne = ([name, text]: readonly [string, unknown]): boolean => NAME.test(name) && typeof text === 'string' && VALUE.test(text);
  if (entries.length === 0 || entries.length > MOST || !entries.every(isOne)) return undefined;
  return JSON.stringify(value).length <= MOST_CHARACTERS ? (value as Pins) : undefined;
}
