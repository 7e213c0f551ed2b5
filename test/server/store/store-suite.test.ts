import { describe, test } from 'vitest';
import { journalStore } from '../../../src/server/store/journal-store.js';
import { memoryStore } from '../../../src/server/store/memory-store.js';
import { storeOptions } from './store-options.js';
import { storeSuite, type StoreLocation } from './store-suite.js';
import { temporaryPath } from '../temporary-path.js';

const locations: Record<string, () => StoreLocation> = {
  memory: () => {
    const records = new Map<string, string>();
    return { open: () => memoryStore(records) };
  },
  journal: () => {
    const folder = temporaryPath('data');
    return { open: () => journalStore(folder, storeOptions) };
  },
};

describe.each(Object.entries(locations))('%s', (_, location) => {
  test.each(storeSuite)('$name', ({ run }) => run(location()));
});
