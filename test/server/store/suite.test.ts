/** The contract of stores, over the one in memory and the one in a folder. */
import { describe, test } from 'vitest';
import { diskStore } from '../../../src/server/store/disk.js';
import { memoryStore } from '../../../src/server/store/memory.js';
import { storeSuite, type Place } from '../store-suite.js';
import { scratch } from '../scratch.js';

const places: Record<string, () => Place> = {
  memory: () => {
    const kept = new Map<string, string>();
    return { open: () => memoryStore(kept) };
  },
  disk: () => {
    const folder = scratch('data');
    return { open: () => diskStore(folder) };
  },
};

describe.each(Object.entries(places))('%s', (_, place) => {
  test.each(storeSuite)('$name', ({ run }) => run(place()));
});
