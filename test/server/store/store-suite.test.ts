/** The contract of stores, over the one in memory and the one in a folder. */
import { describe, test } from 'vitest';
import { leveldbStore } from '../../../src/server/store/leveldb-store.js';
import { memoryStore } from '../../../src/server/store/memory-store.js';
import { storeSuite, type StoreLocation } from './store-suite.js';
import { temporaryPath } from '../temporary-path.js';

const places: Record<string, () => StoreLocation> = {
  memory: () => {
    const kept = new Map<string, string>();
    return { open: () => memoryStore(kept) };
  },
  disk: () => {
    const folder = temporaryPath('data');
    return { open: () => leveldbStore(folder) };
  },
};

describe.each(Object.entries(places))('%s', (_, place) => {
  test.each(storeSuite)('$name', ({ run }) => run(place()));
});
