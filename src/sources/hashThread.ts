// The thread that hashes for hash.ts: takes blocks of shared memory in their order and says when it is done with each.

import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** A block of the file `id`; without one the file has come to its end. */
export interface HashRequest {
  readonly id: number;
  readonly block?: Uint8Array<SharedArrayBuffer>;
}

/** In the order of the requests; `sha256` in hexadecimal answers the end of a file. */
export interface HashAnswer {
  readonly id: number;
  readonly sha256?: string;
}

const hashes = new Map<number, Hash>();

parentPort?.on('message', ({ id, block }: HashRequest) => {
  const hash = hashes.get(id) ?? createHash('sha256');
  if (block === undefined) {
    hashes.delete(id);
    parentPort?.postMessage({ id, sha256: hash.digest('hex') } satisfies HashAnswer);
  } else {
    hashes.set(id, hash.update(block));
    parentPort?.postMessage({ id } satisfies HashAnswer);
  }
});
