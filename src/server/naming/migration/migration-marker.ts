import { ClerkError } from '../../../core/errors.js';
import { damagedRecordError, storeKeys } from '../state/record-codec.js';

/**
 * State of a migration, as stored in a source or target. `incomplete`: some records of the registry are still missing
 * here. `moved`: the current records are in another place.
 */
export type MigrationMarker =
  | { readonly state: 'incomplete'; readonly incarnation: string }
  | { readonly state: 'moved'; readonly to: string };

export function encodeMarker(marker: MigrationMarker | undefined): string {
  return marker === undefined ? '' : JSON.stringify(marker);
}

/** @throws {@link ClerkError} `REGISTRY_INVALID` when the record is damaged */
export function readMarker(records: ReadonlyMap<string, string>): MigrationMarker | undefined {
  const text = records.get(storeKeys.migration) ?? '';
  if (text === '') return undefined;
  try {
    const marker = JSON.parse(text) as { readonly state: unknown };
    if (marker.state === 'incomplete' || marker.state === 'moved') return marker as MigrationMarker;
  } catch {
    // The error below names the record.
  }
  throw damagedRecordError(storeKeys.migration);
}

/**
 * Prevents two servers from starting with the records of one registry in two places.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the records are incomplete, or were moved
 */
export function checkMigrated(records: ReadonlyMap<string, string>): void {
  const marker = readMarker(records);
  if (marker !== undefined) throw markerError('This store', marker);
}

export function markerError(subject: string, marker: MigrationMarker): ClerkError {
  return new ClerkError(
    'CONFIG_INVALID',
    marker.state === 'moved'
      ? `${subject} has outdated names, because clerk migrate has moved this registry to ${marker.to}; use ${marker.to}, or move the names back with clerk migrate`
      : `${subject} has only a part of the names, because clerk migrate has not finished; run the same clerk migrate command again`,
  );
}
