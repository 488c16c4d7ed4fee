// What the person at the terminal reads. On a terminal the last line is refreshed in place; elsewhere there are only lines that stay.
import { styleText } from 'node:util';

/** Where the text goes. */
export interface Screen {
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
  /** Colours and refreshed lines are two things: NO_COLOR turns off only these. */
  readonly colours: boolean;
  /** Width of the terminal now. */
  readonly columns: () => number;
}

export type Tone = 'plain' | 'dim' | 'good' | 'warning' | 'bad';

export interface Narrator {
  /** A new part of the story. */
  readonly heading: (text: string) => void;
  /** A line that stays, with the time since the start of the demo. */
  readonly tell: (text: string, tone?: Tone) => void;
  /** Text that stays and stands for itself, without a time. */
  readonly show: (text: string) => void;
  /** How things are right now: on a terminal the last line, nowhere else. Undefined takes it away. */
  readonly live: (text: string | undefined) => void;
}

const STYLES = { dim: 'dim', good: 'green', warning: 'yellow', bad: 'red' } as const;
const CLEAR_LINE = '\r\u001b[K';

/** `3:07`, as on a stop-watch. */
export function stopwatch(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** A narrator whose times count from `startedAt`; `monotonic` gives milliseconds. */
export function createNarrator(screen: Screen, monotonic: () => number): Narrator {
  const startedAt = monotonic();
  let shown: string | undefined;
  const paint = (text: string, style: Parameters<typeof styleText>[0]): string =>
    screen.colours ? styleText(style, text, { validateStream: false }) : text;
  const clear = (): string => (shown === undefined ? '' : CLEAR_LINE);
  const draw = (): string => (shown === undefined ? '' : paint(shown.slice(0, Math.max(0, screen.columns() - 1)), 'cyan'));
  const stay = (text: string): void => screen.write(`${clear()}${text}\n${draw()}`);
  return {
    heading: (text) => stay(`\n${paint(text, 'bold')}`),
    tell: (text, tone = 'plain') => {
      const line = tone === 'plain' ? text : paint(text, STYLES[tone]);
      stay(`${paint(stopwatch(monotonic() - startedAt).padStart(6), 'dim')}  ${line}`);
    },
    show: (text) => stay(text),
    live: (text) => {
      if (!screen.isTerminal || text === shown) return;
      const before = clear();
      shown = text;
      screen.write(`${before}${draw()}`);
    },
  };
}
