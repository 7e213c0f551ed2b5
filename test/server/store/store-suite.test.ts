import { describe, test } from 'vitest';
import { leveldbStore } from '../../../src/server/store/leveldb-store.js';
import { memoryStore } from '../../../src/server/store/memory-store.js';
import { leveldbHost } from './leveldb-host.js';
import { storeSuite, type StoreLocation } from './store-suite.js';
import { temporaryPath } from '../temporary-path.js';

const locations: Record<string, () => StoreLocation> = {
  memory: () => {
    const records = new Map<string, string>();
    return { open: () => memoryStore(records) };
  },
  leveldb: () => {
    const folder = temporaryPath('data');
    return { open: () => leveldbStore(folder, leveldbHost) };
  },
};

describe.each(Object.entries(locations))('%s', (_, location) => {
  test.each(storeSuite)('$name', ({ run }) => run(location()));
});
