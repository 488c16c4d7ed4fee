// A file server inside the process of a demo or a test, for pods to fetch models from: counts what is asked for and can be
// told to misbehave. It listens on all addresses, since pods reach it by the node's own.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { networkInterfaces } from 'node:os';
import { join, normalize } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a file is answered from now on. */
export type Fault =
  | { readonly kind: 'none' }
  | { readonly kind: 'status'; readonly status: number }
  /** The connection breaks after half of the announced bytes. */
  | { readonly kind: 'truncated' }
  /** The right bytes but one, which is changed in the middle. */
  | { readonly kind: 'corrupt' }
  | { readonly kind: 'slow'; readonly bytesPerSecond: number };

/** A running file server. Paths begin with a slash. */
export interface FileServer {
  readonly port: number;
  /** URL of a path, as pods on this node reach it. */
  url(path: string): string;
  /** Requests (GET and HEAD) so far for a path, or for all. */
  requests(path?: string): number;
  /** Sets the fault of a path; `*` means all paths that have none of their own. */
  setFault(path: string, fault: Fault): void;
  /** Serves these bytes at the path instead of a file of the folder. */
  put(path: string, bytes: Buffer): void;
  close(): Promise<void>;
}

const SLOW_CHUNKS_PER_SECOND = 10;

/** The machine's first IPv4 address that is not loopback: the one that the local cluster's node has. */
export function nodeAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const found = all.find((address) => address.family === 'IPv4' && !address.internal);
  if (found === undefined) throw new Error('This machine has no IPv4 address besides loopback; pods could not reach a server on it.');
  return found.address;
}

async function sendSlowly(response: ServerResponse, bytes: Buffer, bytesPerSecond: number): Promise<void> {
  const step = Math.max(1, Math.floor(bytesPerSecond / SLOW_CHUNKS_PER_SECOND));
  for (let from = 0; from < bytes.length && !response.destroyed; from += step) {
    response.write(bytes.subarray(from, from + step));
    await sleep(1000 / SLOW_CHUNKS_PER_SECOND);
  }
  response.end();
}

function withOneByteChanged(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const middle = copy.length >> 1;
  if (copy.length > 0) copy.writeUInt8(copy.readUInt8(middle) ^ 1, middle);
  return copy;
}

async function send(request: IncomingMessage, response: ServerResponse, bytes: Buffer, fault: Fault): Promise<void> {
  if (fault.kind === 'status') {
    response.writeHead(fault.status, { 'content-type': 'text/plain' }).end(`status ${fault.status}, as the test asked for\n`);
    return;
  }
  const body = fault.kind === 'corrupt' ? withOneByteChanged(bytes) : bytes;
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"`;
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': body.length, etag });
  if (request.method === 'HEAD') {
    response.end();
  } else if (fault.kind === 'truncated') {
    response.write(body.subarray(0, body.length >> 1), () => response.destroy());
  } else if (fault.kind === 'slow') {
    await sendSlowly(response, body, fault.bytesPerSecond);
  } else {
    response.end(body);
  }
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '0.0.0.0', resolve);
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

/** Serves the files below `folder`; port 0 takes a free one. */
export async function startFileServer(folder: string, port = 0): Promise<FileServer> {
  const counts = new Map<string, number>();
  const faults = new Map<string, Fault>();
  const extra = new Map<string, Buffer>();
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://server').pathname));
    counts.set(path, (counts.get(path) ?? 0) + 1);
    // A normalised absolute path cannot climb above the folder.
    const bytes = extra.get(path) ?? (await readFile(join(folder, path)).catch(() => undefined));
    const fault: Fault = faults.get(path) ?? faults.get('*') ?? { kind: 'none' };
    await send(request, response, bytes ?? Buffer.alloc(0), bytes === undefined ? { kind: 'status', status: 404 } : fault);
  };
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  const bound = await listen(server, port);
  return {
    port: bound,
    url: (path) => `http://${nodeAddress()}:${bound}${path}`,
    requests: (path) => (path === undefined ? [...counts.values()].reduce((sum, count) => sum + count, 0) : (counts.get(path) ?? 0)),
    setFault: (path, fault) => void faults.set(path, fault),
    put: (path, bytes) => void extra.set(path, bytes),
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
