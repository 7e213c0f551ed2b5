import { limits as serverLimits } from '../../../src/protocol/limits.js';
import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { openRawClient, requestText } from './raw-client.js';

export const attack: LoadAttack = {
  name: 'loopback-principals',
  what: 'a process gets no further watches and registrations with further loopback addresses',
  sizes: { small: 3, full: 20 },
  limits: { watches: serverLimits.maxWatches, endpoints: serverLimits.maxRegistrations },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      const each = async (address: number, path: string, body: unknown): Promise<() => void> => {
        const client = await openRawClient(registry.url, `127.0.0.${String(address + 2)}`);
        client.send(requestText(path, body));
        await client.readUntil('\r\n\r\n');
        return () => client.close();
      };
      const open: (() => void)[] = [];
      for (let address = 0; address < size; address++) {
        for (let i = 0; i < serverLimits.maxWatches; i++)
          open.push(await each(address, '/v1/watch', { globs: ['/a'] }));
        for (let i = 0; i < serverLimits.maxRegistrations; i++) {
          const id = `${String(address)}-${String(i)}`;
          (
            await each(address, '/v1/register', {
              name: `/a/${String(i % 100)}`,
              id,
              addresses: ['http://127.0.0.1:3001'],
            })
          )();
        }
      }
      const { text } = await registry.get('/healthz');
      for (const close of open) close();
      const { watches, endpoints } = JSON.parse(text) as {
        readonly watches: number;
        readonly endpoints: number;
      };
      return { watches, endpoints };
    } finally {
      await registry.close();
    }
  },
};
