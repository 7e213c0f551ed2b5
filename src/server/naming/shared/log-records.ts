import { damagedRecordError, storeKeys } from '../state/record-codec.js';
import type { StateChange } from '../state/records.js';
import { encodeSharedChange, sharedKeys } from './batch-content.js';

/** Maximum length of a part of a snapshot, in UTF-16 code units. A code unit needs at most three bytes in UTF-8. */
const partLength = 80_000;

/** All records of a shared log up to one batch. A snapshot contains these records. */
export class LogRecords {
  readonly map: Map<string, string>;

  constructor(records: Iterable<readonly [string, string]> = []) {
    this.map = new Map(records);
  }

  apply(changes: Iterable<StateChange>, revision: number): void {
    for (const change of changes) {
      if (change.kind === 'report') continue;
      const { key, value } = encodeSharedChange(change);
      const isRemoved = value === undefined || (change.kind === 'status' && change.status === 'healthy');
      if (change.kind === 'endpoint') this.#applyEndpoint(key, value, change.movedFrom);
      else if (isRemoved) this.map.delete(key);
      else this.map.set(key, value);
    }
    this.map.set(storeKeys.revision, String(revision));
  }

  get revision(): number {
    const revision = Number(this.map.get(storeKeys.revision) ?? 0);
    if (!Number.isSafeInteger(revision) || revision < 0) throw damagedRecordError(storeKeys.revision);
    return revision;
  }

  /**
   * Returns the parts of a snapshot of the present records. Each part is a JSON array of alternating keys and values.
   */
  snapshot(): Iterable<string> {
    return partsOf([...this.map]);
  }
  addPart(part: string): void {
    const list = JSON.parse(part) as readonly string[];
    for (let i = 0; i < list.length; i += 2) this.map.set(list[i] as string, list[i + 1] as string);
  }

  /** Removes the holder and the status together with a registration. A registration that moves keeps its holder. */
  #applyEndpoint(key: string, value: string | undefined, movedFrom: string | undefined): void {
    const place = key.slice(2);
    if (movedFrom !== undefined) {
      const id = place.slice(place.indexOf(' ') + 1);
      const holder = this.map.get(`${sharedKeys.holder} ${movedFrom} ${id}`);
      if (holder !== undefined) this.map.set(`${sharedKeys.holder} ${place}`, holder);
    }
    if (value !== undefined) {
      this.map.set(key, value);
      return;
    }
    this.map.delete(key);
    this.map.delete(`${sharedKeys.holder} ${place}`);
    this.map.delete(`${sharedKeys.status} ${place}`);
  }
}

function* partsOf(records: readonly (readonly [string, string])[]): IterableIterator<string> {
  let part: string[] = [];
  let length = 0;
  for (const [key, value] of records) {
    if (length > 0 && length + key.length + value.length > partLength) {
      yield JSON.stringify(part);
      [part, length] = [[], 0];
    }
    part.push(key, value);
    length += key.length + value.length;
  }
  yield JSON.stringify(part);
}
