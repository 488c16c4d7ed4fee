// Reads what a server shows at an address.

export interface PageOptions {
  /** Whole request, connection to last byte. Default 5,000. */
  readonly timeoutMs?: number;
  /** A longer page is not read to its end. Default 16 MiB. */
  readonly maxBytes?: number;
}

/** The text of a page. Rejects with a sentence for people. Redirects are not followed: they would lead to servers that nobody chose. */
export async function readPage(url: string, { timeoutMs = 5_000, maxBytes = 16 * 1024 * 1024 }: PageOptions = {}): Promise<string> {
  const { host } = new URL(url);
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, { redirect: 'manual', signal, headers: { accept: 'text/plain; version=0.0.4' } });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`it answered ${String(response.status)}`);
    }
    return await readText(response.body, maxBytes);
  } catch (error) {
    throw new Error(`The metrics of ${host} cannot be read: ${signal.aborted ? `no answer within ${String(timeoutMs)} ms` : reasonOf(error)}.`);
  }
}

async function readText(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`they are longer than ${String(maxBytes)} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** fetch hides why a connection failed in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return cause.message === '' ? ((cause as NodeJS.ErrnoException).code ?? error.message) : cause.message;
}
