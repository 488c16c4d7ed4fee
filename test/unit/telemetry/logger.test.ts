import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { createLogger, parseLogLevel, releaseLogger, type LogLevel } from '../../../src/telemetry/logger.ts';

function record(level: LogLevel = 'debug') {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      setImmediate(done);
    },
  });
  const made = createLogger({ level, stream, now: () => Date.UTC(2026, 10, 25, 12) });
  const text = (): string => chunks.join('');
  const lines = (): readonly Record<string, unknown>[] =>
    text().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
  return { ...made, stream, text, lines };
}

describe('a log line', () => {
  test('is one JSON object with time, level and message first', async () => {
    const { logger, closeLogger, text } = record();
    logger.info('The operator leads.', { lease: 'plimsoll' });
    await closeLogger();
    expect(text()).toBe('{"time":"2026-11-25T12:00:00.000Z","level":"info","message":"The operator leads.","lease":"plimsoll"}\n');
  });

  test('pitfall 26: has no colour codes and keeps a message with line breaks on one line', async () => {
    const { logger, closeLogger, text } = record();
    logger.error('first\nsecond');
    await closeLogger();
    expect(text().trimEnd().split('\n')).toHaveLength(1);
    expect(text()).not.toContain(String.fromCharCode(27));
  });

  test('cannot have its time, level or message replaced by a field', async () => {
    const { logger, closeLogger, lines } = record();
    logger.warn('kept', { time: 'x', level: 'debug', message: 'x', other: 1 });
    await closeLogger();
    expect(lines()).toEqual([{ time: '2026-11-25T12:00:00.000Z', level: 'warn', message: 'kept', other: 1 }]);
  });

  test('below the level is not written', async () => {
    const { logger, closeLogger, lines } = record('warn');
    logger.error('a');
    logger.warn('b');
    logger.info('c');
    logger.debug('d');
    await closeLogger();
    expect(lines().map(({ message }) => message)).toEqual(['a', 'b']);
  });

  test('pitfall 26: shows an error with its stack, its code and its causes', async () => {
    const { logger, closeLogger, lines } = record();
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    logger.error('The route was not written.', { error: new TypeError('no answer', { cause }) });
    await closeLogger();
    expect(lines()[0]?.['error']).toMatchObject({
      name: 'TypeError',
      message: 'no answer',
      stack: expect.stringContaining('logger.test.ts'),
      cause: { message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' },
    });
  });
});

describe('the logger of a release', () => {
  const fields = { namespace: 'risk', deployment: 'fraud', release: 'fraud-r7', revision: '0123456789' };

  test('puts release and revision on every line, of every level', async () => {
    const { logger, closeLogger, lines } = record();
    const log = releaseLogger(logger, fields);
    log.debug('a');
    log.info('b', { weight: 25 });
    log.child({ check: 'errors' }).warn('c');
    log.error('d');
    await closeLogger();
    expect(lines()).toHaveLength(4);
    for (const line of lines()) expect(line).toMatchObject(fields);
    expect(lines()[2]).toMatchObject({ check: 'errors' });
  });

  test('leaves the logger that it was made from as it was', async () => {
    const { logger, closeLogger, lines } = record();
    releaseLogger(logger, fields).info('a');
    logger.info('b');
    await closeLogger();
    expect(lines()[1]).not.toHaveProperty('release');
  });
});

describe('closing the logger', () => {
  test('pitfall 26: waits until a slow stream has taken every line, and leaves the stream open', async () => {
    const { logger, closeLogger, lines, stream } = record();
    for (let index = 0; index < 200; index += 1) logger.info('line', { index });
    await closeLogger();
    expect(lines()).toHaveLength(200);
    expect(stream.writableEnded).toBe(false);
  });

  test('can be asked for twice, and later lines are dropped without an error', async () => {
    const { logger, closeLogger, lines } = record();
    logger.info('kept');
    await Promise.all([closeLogger(), closeLogger()]);
    logger.info('dropped');
    await closeLogger();
    expect(lines().map(({ message }) => message)).toEqual(['kept']);
  });
});

test('a log level is read whatever its case, and an unknown one is refused', () => {
  expect(parseLogLevel(' WARN ')).toBe('warn');
  expect(parseLogLevel('verbose')).toBeUndefined();
});
