// A TCP line to a server of this machine that can be cut and mended: a network that fails between two programs that work.

import { createConnection, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { KubeConfig } from '@kubernetes/client-node';

export type Line = {
  /** The near end, on 127.0.0.1. */
  readonly port: number;
  /** Resets all connections, and every new one until `mend`. */
  readonly cut: () => void;
  /** Nothing comes through any more, neither a byte nor the end of a connection, until `mend`. */
  readonly hush: () => void;
  readonly mend: () => void;
  readonly close: () => Promise<void>;
};

/** A line, not cut, whose far end is a port of 127.0.0.1. */
export async function layLine(farPort: number): Promise<Line> {
  const sockets = new Set<Socket>();
  let whole = true;
  let silent = false;
  const server = createServer((near) => {
    if (!whole) {
      near.resetAndDestroy();
      return;
    }
    const far = createConnection(farPort, '127.0.0.1');
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined); // 'close' follows
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
      if (silent) socket.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const reset = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      whole = false;
      reset();
    },
    hush: () => {
      silent = true;
      for (const socket of sockets) socket.pause();
    },
    mend: () => {
      whole = true;
      silent = false;
      for (const socket of sockets) socket.resume();
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      reset();
      await closed;
    },
  };
}

/** The same cluster over a line. The certificate is for 127.0.0.1, whatever the port. */
export function overLine(config: KubeConfig, port: number): KubeConfig {
  config.clusters = config.clusters.map((cluster) => ({ ...cluster, server: `https://127.0.0.1:${port}` }));
  return config;
}
