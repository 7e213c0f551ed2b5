import { resolve } from 'node:path';
import { quote } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import { readSalvage, writeSalvage, type SalvageHost } from '../core/journal/salvage-folder.js';
import { repairRecords } from './naming/repair-records.js';
import { lossOf, RecordCollector, writeRecords } from './store/salvage-registry.js';

/** The result of {@link salvageData}. */
export interface SalvageReport {
  /** Describes the damage, in a form such as `has lost its journal`. Undefined when the folder was complete. */
  readonly problem: string | undefined;
  /** Number of records in the new folder. */
  readonly records: number;
  /** Descriptions of the losses; empty when nothing is lost. */
  readonly lost: readonly string[];
}

export interface RegistrySalvageHost extends SalvageHost {
  readonly isFolder: (path: string) => Promise<boolean>;
}

/**
 * Writes the readable records of a registry folder to a new folder. Returns undefined when `from` does not belong to
 * a registry.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when `from` is not a folder; `REGISTRY_INVALID` when nothing can be
 * saved
 */
export async function salvageFolder(
  from: string,
  to: string,
  host: RegistrySalvageHost,
): Promise<SalvageReport | undefined> {
  const [source, target] = [resolve(from), resolve(to)];
  const subject = `Data folder ${quote(source)}`;
  if (!(await host.isFolder(source))) throw new ClerkError('CONFIG_INVALID', `${subject} must be a folder`);
  const found = await readSalvage(host, source, subject, 'REGISTRY_INVALID', () => new RecordCollector());
  if (found.content !== 'registry') return undefined;
  const { records } = found.visitor;
  if (!found.isComplete) repairRecords(records, host.randomHex);
  await writeSalvage(host, target, `Data folder ${quote(target)}`, (folder) =>
    writeRecords(folder, records, host.randomHex),
  );
  return { problem: found.problem, records: records.size, lost: lossOf(found) };
}
