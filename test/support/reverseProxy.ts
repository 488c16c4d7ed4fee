// A reverse proxy between a program under test and a real server: does what the real one will not do on demand.

import { once } from 'node:events';
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import https, { type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What the server behind answered, or what is answered in its place. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Exchange {
  readonly request: IncomingMessage;
  /** Path and query. */
  readonly path: string;
  /** Asks the server behind; headers given here replace those of the request, undefined removes them. */
  readonly forward: (headers?: IncomingHttpHeaders) => Promise<Reply>;
  /** Sends an answer; with `cutAt`, that many bytes of it, and then breaks the connection. */
  readonly reply: (reply: Reply, cutAt?: number) => void;
}

export interface ReverseProxy {
  readonly url: string;
  readonly paths: readonly string[];
  readonly close: () => Promise<void>;
}

/** Listens on a free port of 127.0.0.1 and has `act` carry out each request; by TLS with `tls`. */
export async function startProxy(target: string, act: (exchange: Exchange) => Promise<void>, tls?: ServerOptions): Promise<ReverseProxy> {
  const paths: string[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? '/';
    paths.push(path);
    const exchange = {
      request,
      path,
      forward: (headers: IncomingHttpHeaders = {}) => ask(`${target}${path}`, request, headers),
      reply: (reply: Reply, cutAt?: number) => send(response, reply, cutAt),
    };
    act(exchange).catch(() => response.destroy());
  };
  const server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    paths,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The reply with another JSON document in it. */
export function jsonReply(document: unknown, status = 200): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(document)) };
}

function send(response: ServerResponse, { status, headers, body }: Reply, cutAt?: number): void {
  const kept = Object.entries(headers).filter(([name]) => !['connection', 'transfer-encoding', 'content-length'].includes(name));
  response.writeHead(status, { ...Object.fromEntries(kept), 'content-length': body.length });
  if (cutAt === undefined) response.end(body);
  else response.write(body.subarray(0, cutAt), () => setTimeout(() => response.destroy(), 20));
}

async function ask(url: string, request: IncomingMessage, changes: IncomingHttpHeaders): Promise<Reply> {
  const headers = Object.fromEntries(Object.entries({ ...request.headers, ...changes }).filter(([, value]) => value !== undefined));
  const sent = http.request(url, { method: request.method, headers, agent: false });
  request.pipe(sent);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) };
}
