// A watch is one long answer: a JSON event on each line, for minutes. This reads it, and knows when to stop waiting.

import type { WatchEvent } from './client.ts';
import type { Clock } from './clock.ts';
import { errorFromNetwork, errorFromStatusObject, isKubeError, KubeError } from './errors.ts';
import type { HttpCall, Patience, Transport } from './transport.ts';

/**
 * Events of one watch. Returns when the server ends it, after `silenceMs` without a byte, and on abort.
 * Rejects with KubeError when the watch cannot be opened, breaks, holds an ERROR event (Gone among them) or an unreadable line:
 * such a line is never skipped, since the event in it would be lost.
 */
export async function* readWatch(
  transport: Transport,
  call: HttpCall,
  { silenceMs, onOpen }: { readonly silenceMs: number; readonly onOpen?: (() => void) | undefined },
  patience: Patience,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent, void, void> {
  const connection = new AbortController();
  const ended = { bySilence: false };
  let cancelSilence = (): void => undefined;
  const heard = (): void => {
    cancelSilence();
    cancelSilence = clock.after(silenceMs, () => {
      ended.bySilence = true;
      connection.abort();
    });
  };
  const stop = (): void => connection.abort();
  signal.addEventListener('abort', stop);
  try {
    signal.throwIfAborted();
    const stream = await transport.open(call, { ...patience, signal: connection.signal });
    heard();
    onOpen?.();
    for await (const line of readLines(stream, heard)) {
      if (connection.signal.aborted) return;
      yield parseEvent(call, line);
    }
  } catch (error) {
    if (signal.aborted || ended.bySilence) return;
    throw isKubeError(error) ? error : errorFromNetwork(call.title, error);
  } finally {
    cancelSilence();
    signal.removeEventListener('abort', stop);
    connection.abort();
  }
}

/** Lines of a byte stream without their ends; a last line without an end is not yielded, since it may be half an event. */
async function* readLines(stream: ReadableStream<Uint8Array>, heard: () => void): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    heard();
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield line;
  }
}

function parseEvent(call: HttpCall, line: string): WatchEvent {
  let event: { readonly type?: unknown; readonly object?: unknown };
  try {
    event = JSON.parse(line) as typeof event;
  } catch (cause) {
    throw new KubeError('Server', `${call.title}: an event is not JSON`, { cause });
  }
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      return event as WatchEvent;
    case 'ERROR':
      throw errorFromStatusObject(call.title, event.object);
    default:
      throw new KubeError('Server', `${call.title}: unknown event type ${JSON.stringify(event.type)}`);
  }
}
