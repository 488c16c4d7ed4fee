// Answers the probe for every model: a proxy for the names of Services, which nobody resolves here. Node's fetch in the operator's process
// goes through it because of NODE_USE_ENV_PROXY and HTTP_PROXY; everything else that the operator talks to is in NO_PROXY.
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface Models {
  /** Variables for the operator's process. */
  readonly environment: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

const METADATA = { name: 'model', inputs: [{ name: 'input-0', datatype: 'FP32', shape: [-1, 4] }] };
const OUTPUTS = { outputs: [{ name: 'output-0', datatype: 'FP32', shape: [1], data: [1] }] };

/** Listens on a free port of 127.0.0.1. */
export async function startModels(): Promise<Models> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(request.url?.endsWith('/infer') === true ? OUTPUTS : METADATA));
  });
  server.on('connect', (_, socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    server.emit('connection', socket);
  });
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    environment: { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '127.0.0.1,localhost' },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
        server.closeAllConnections();
      }),
  };
}
