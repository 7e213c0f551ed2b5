import { randomBytes } from 'node:crypto';
import { openDataFolder } from '../../../src/runtime/system-data-folder.js';
import type { JournalStoreOptions } from '../../../src/server/store/journal-store.js';

export const randomHex = (bytes: number): string => randomBytes(bytes).toString('hex');

/** The options with which the server opens its data folder. */
export const storeOptions: JournalStoreOptions = { openFolder: openDataFolder, randomHex };
