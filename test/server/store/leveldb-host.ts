import type { LeveldbHost } from '../../../src/core/open-leveldb.js';
import { privateFolder } from '../../../src/runtime/private-folder.js';

/** The package and the folder checks that the server uses. */
export const leveldbHost: LeveldbHost = {
  load: () => import('classic-level'),
  prepareFolder: privateFolder,
};
