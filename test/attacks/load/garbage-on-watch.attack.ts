import { connect } from 'node:net';
import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';

/** Opens a watch, then sends `garbage` on its connection. @returns everything that the registry sent */
function sendOnWatch(url: string, garbage: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const body = JSON.stringify({ globs: ['/**'] });
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST /v1/watch HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\ncontent-length: ${String(body.length)}\r\n\r\n${body}`,
    );
    socket.on('data', (chunk) => {
      if (received === '') socket.write(garbage);
      received += chunk.toString('latin1');
    });
    socket.on('error', () => undefined).on('close', () => resolve(received));
    socket.setTimeout(10_000, () => socket.destroy());
  });
}

export const attack: LoadAttack = {
  name: 'garbage-on-watch',
  what: 'garbage on the connection of an open watch puts no second response into the first one',
  sizes: { small: 5, full: 200 },
  limits: { secondHeads: 0, openWatches: 0 },
  async run(size) {
    const garbage = [
      '\0\u0001\u0002\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'x'.repeat(70_000),
      'GET /a b c\r\n\r\n',
    ];
    const registry = await startAttackedRegistry();
    try {
      let secondHeads = 0;
      let openWatches = 0;
      for (let i = 0; i < size; i++) {
        const received = await sendOnWatch(registry.url, garbage[i % garbage.length] as string);
        if (!received.startsWith('HTTP/1.1 200')) openWatches++;
        secondHeads += received.split('HTTP/1.1 ').length - 2;
      }
      return { secondHeads, openWatches };
    } finally {
      await registry.close();
    }
  },
};
