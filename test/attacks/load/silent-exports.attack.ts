import { setTimeout } from 'node:timers/promises';
import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { openRawClient, requestText } from './raw-client.js';
import { letters, services, storeLines } from './stored-names.js';

export const attack: LoadAttack = {
  name: 'silent-exports',
  what: 'exports that read nothing, and imports that stop, hold a bounded number of bytes (size: of each)',
  sizes: { small: 60, full: 500 },
  limits: { exportGrowthMiB: 100, importGrowthMiB: 130 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      const name = (i: number): string =>
        `/${letters(i, 60)}/${'x'.repeat(60)}/${'y'.repeat(60)}/s${String(i)}`;
      await storeLines(registry, services(20_000, name));
      const before = await registry.figures();
      const grownMiB = async (): Promise<number> => {
        let peak = 0;
        for (let i = 0; i < 10; i++) {
          await setTimeout(100);
          peak = Math.max(peak, (await registry.figures()).rssBytes);
        }
        return (peak - before.rssBytes) / 2 ** 20;
      };
      const exporters = await Promise.all(Array.from({ length: size }, () => openRawClient(registry.url)));
      for (const client of exporters) client.send(requestText('/v1/export'));
      const exportGrowthMiB = await grownMiB();
      for (const client of exporters) client.close();
      const importers = await Promise.all(Array.from({ length: size }, () => openRawClient(registry.url)));
      const launch = { manifest: 'm', params: { p: 'x'.repeat(7_900) } };
      const line = `${JSON.stringify({ kind: 'service', name: '/a', policy: null, guaranteedMs: 0, launch })}\n`;
      const body = Buffer.from(line.repeat(1_900));
      const head = `POST /v1/import HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ncontent-length: ${String(body.length + 1)}\r\n\r\n`;
      for (const client of importers) {
        client.send(head);
        client.socket.write(body);
      }
      const importGrowthMiB = await grownMiB();
      for (const client of importers) client.close();
      return { exportGrowthMiB, importGrowthMiB };
    } finally {
      await registry.close();
    }
  },
};
