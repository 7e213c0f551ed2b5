/** Writes pairs into a data folder until it is killed, and prints each number once it is durable. */
import { journalStore } from '../../../src/server/store/journal-store.js';
import { storeOptions } from '../store/store-options.js';

const store = journalStore(process.argv[2] as string, { ...storeOptions, minCheckpointBytes: 2_000 });
const records = await store.load();
for (let i = Number(records.get('left') ?? 0) + 1; ; i++) {
  await store.write([
    { key: 'left', value: String(i) },
    { key: `write ${i}`, value: 'x'.repeat(i % 1_000) },
    { key: 'right', value: String(i) },
  ]);
  process.stdout.write(`${i}\n`);
}
