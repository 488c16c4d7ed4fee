// One request to pods that are the tenant's: no redirect is followed, and no endless answer read.

export interface Call {
  readonly url: string;
  /** A POST with it, a GET without. */
  readonly body?: string | Uint8Array<ArrayBuffer> | undefined;
  readonly contentType?: string | undefined;
  readonly timeoutMs: number;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

const MOST_BYTES = 4 * 1024 * 1024;
/** A gateway's or a starting server's words, not the model's. */
const NOT_THE_MODEL = [502, 503, 504];

/** Throws when nobody answers. */
export async function send({ url, body, contentType = 'application/json', timeoutMs }: Call): Promise<Answer> {
  const response = await fetch(url, {
    ...(body === undefined ? { method: 'GET' } : { method: 'POST', headers: { 'content-type': contentType }, body }),
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
  });
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MOST_BYTES) throw new Error(`the answer is longer than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return { status: response.status, body: Buffer.concat(chunks).toString('utf8') };
}

/** Whether the answer came from in front of the model, and says nothing about it. */
export function isNotTheModel({ status }: Answer): boolean {
  return NOT_THE_MODEL.includes(status);
}
