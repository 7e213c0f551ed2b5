/** Writes pairs into a data folder until it is killed, and prints each number once it is durable. */
import { privateFolder } from '../../../src/runtime/private-folder.js';
import { leveldbStore } from '../../../src/server/store/leveldb-store.js';

const store = leveldbStore(process.argv[2] as string, {
  load: () => import('classic-level'),
  prepareFolder: privateFolder,
});
const records = await store.load();
for (let i = Number(records.get('left') ?? 0) + 1; ; i++) {
  await store.write([
    { key: 'left', value: String(i) },
    { key: `write ${i}`, value: 'x'.repeat(i % 1_000) },
    { key: 'right', value: String(i) },
  ]);
  process.stdout.write(`${i}\n`);
}
