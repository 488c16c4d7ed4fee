// The operator's log: one JSON object a line on stdout, for machines to read and for people to grep.
//
// winston carries the lines; this file fixes what a line looks like. Callers see the small interface `Logger` only, so that
// a message is always a sentence and everything variable is a field.
import winston from 'winston';
import { fieldsToJson, maskText } from './logFields.ts';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What varies between two lines with the same message. Errors are written with stack and causes; secrets are masked. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  readonly error: (message: string, fields?: LogFields) => void;
  readonly warn: (message: string, fields?: LogFields) => void;
  readonly info: (message: string, fields?: LogFields) => void;
  readonly debug: (message: string, fields?: LogFields) => void;
  /** A logger whose every line carries `fields` too. A field given at the call replaces a bound one of the same name. */
  readonly child: (fields: LogFields) => Logger;
}

/** The fields that every line about a release carries. `revision` is the candidate's. */
export interface ReleaseFields {
  readonly namespace: string;
  readonly deployment: string;
  readonly release: string;
  readonly revision: string;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Where lines go: `process.stdout` in the operator. It is never ended here. */
  readonly stream: NodeJS.WritableStream;
  /** Milliseconds since the epoch: the clock behind each line's `time`. */
  readonly now: () => number;
}

/** Reads a log level as a person wrote it; undefined if there is no such level. */
export function parseLogLevel(text: string): LogLevel | undefined {
  return LOG_LEVELS.find((level) => level === text.trim().toLowerCase());
}

/**
 * Makes the root logger, and the function that ends it. Await `closeLogger()` before `process.exit`: it resolves when every
 * line has been handed to the stream and the stream has taken it. Lines logged after that are dropped.
 */
export function createLogger(options: LoggerOptions): { readonly logger: Logger; readonly closeLogger: () => Promise<void> } {
  const root = winston.createLogger({
    level: options.level,
    levels: Object.fromEntries(LOG_LEVELS.map((level, rank) => [level, rank])),
    format: winston.format.printf((info) => renderLine(info, options.now())),
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston types its transports as plain interfaces
    transports: [new winston.transports.Stream({ stream: options.stream, eol: '\n' })],
  });
  let closing: Promise<void> | undefined;
  const write = (level: LogLevel, message: string, fields: LogFields): void => {
    if (closing === undefined) root.log({ level, message, fields });
  };
  return {
    logger: bind(write, {}),
    closeLogger: () => (closing ??= endLogger(root, options.stream)),
  };
}

/** The logger of one release: each of its lines carries the release's name and the candidate's revision. */
export function releaseLogger(logger: Logger, fields: ReleaseFields): Logger {
  const { namespace, deployment, release, revision } = fields;
  return logger.child({ namespace, deployment, release, revision });
}

type Write = (level: LogLevel, message: string, fields: LogFields) => void;

function bind(write: Write, bound: LogFields): Logger {
  const at = (level: LogLevel) => (message: string, fields: LogFields = {}): void => write(level, message, { ...bound, ...fields });
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    child: (fields) => bind(write, { ...bound, ...fields }),
  };
}

/** time, level and message stand first and cannot be overwritten by a field of the same name. */
function renderLine(info: winston.Logform.TransformableInfo, nowMs: number): string {
  const head = { time: new Date(nowMs).toISOString(), level: info.level, message: maskText(String(info.message)) };
  return JSON.stringify({ ...head, ...fieldsToJson(info['fields'] as LogFields), ...head });
}

async function endLogger(root: winston.Logger, stream: NodeJS.WritableStream): Promise<void> {
  await new Promise<void>((resolve) => {
    root.once('finish', resolve);
    root.end();
  });
  // An empty write is called back after all earlier ones: by then the stream has taken every line.
  await new Promise<void>((resolve) => {
    stream.write('', () => {
      resolve();
    });
  });
}
