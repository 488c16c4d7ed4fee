// Text from outside, made fit for logs, conditions and terminals.

/** Control characters, line separators, lone surrogates, and the marks that turn the writing direction of what follows. */
export const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** A name from outside for a message: at most 80 characters, in quotes, what does not print written as its code point. */
export function quote(text: string): string {
  const characters = Array.from(text.toWellFormed());
  const shown = characters.slice(0, 80).map((character) => (UNPRINTABLE.test(character) ? codePoint(character) : character));
  return `'${shown.join('')}${characters.length > 80 ? '…' : ''}'`;
}

/** A text of which nothing moves a cursor or turns the writing, at most `most` characters (code points) long. */
export function cleanText(text: string, most: number): string {
  const characters = Array.from(text.toWellFormed(), (character) => (UNPRINTABLE.test(character) ? ' ' : character));
  return characters.length <= most ? characters.join('') : `${characters.slice(0, most - 1).join('')}…`;
}

function codePoint(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
