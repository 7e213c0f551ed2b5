import { resolve } from 'node:path';
import type { OpenDataFolder } from '../core/data-folder.js';
import { quote } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import { JournalDamage } from '../core/journal/journal-reader.js';
import { salvageJournal, type SalvagedJournal } from '../core/journal/journal-salvage.js';
import { repairRecords } from './naming/repair-records.js';
import { lossOf, RecordCollector, writeRecords } from './store/salvage-registry.js';

/** What {@link salvageData} saved and what is lost. */
export interface SalvageReport {
  /**
   * What was damaged: the predicate of a sentence whose subject is the folder. Undefined when the folder was complete.
   */
  readonly problem: string | undefined;
  /** Number of records in the new folder. */
  readonly records: number;
  /** What is lost, one item per element; empty when nothing is lost. */
  readonly lost: readonly string[];
}

export interface SalvageHost {
  readonly openFolder: OpenDataFolder;
  readonly isFolder: (path: string) => Promise<boolean>;
  readonly fillFolder: (
    path: string,
    suffix: string,
    fill: (temporaryPath: string) => Promise<void>,
  ) => Promise<void>;
  readonly randomHex: (bytes: number) => string;
}

export async function salvageFolder(
  from: string,
  to: string,
  host: SalvageHost,
): Promise<SalvageReport | undefined> {
  const { openFolder, isFolder, fillFolder, randomHex } = host;
  const [source, target] = [resolve(from), resolve(to)];
  const subject = `Data folder ${quote(source)}`;
  if (!(await isFolder(source))) throw new ClerkError('CONFIG_INVALID', `${subject} must be a folder`);
  const folder = await openFolder(source, subject);
  let found: SalvagedJournal<RecordCollector>;
  try {
    found = await salvageJournal(folder, () => new RecordCollector());
  } catch (error) {
    if (!(error instanceof JournalDamage)) throw error;
    throw new ClerkError('REGISTRY_INVALID', `${subject} ${error.message}`, { cause: error });
  } finally {
    await folder.close();
  }
  if (found.content !== 'registry') return undefined;
  const { records } = found.visitor;
  if (!found.isComplete) repairRecords(records, randomHex(8));
  await fillFolder(target, randomHex(4), async (temporaryPath) => {
    const written = await openFolder(temporaryPath, `Data folder ${quote(target)}`);
    try {
      await writeRecords(written, records, randomHex);
    } finally {
      await written.close();
    }
  });
  return { problem: found.problem, records: records.size, lost: lossOf(found) };
}
