import type { KeyPin } from '../../../core/key-pin.js';
import type { CompiledTriple } from '../access/access-triple.js';
import type { KeyRecord, TokenRecord } from './records.js';

/** A key of a principal. Retired and revoked keys stay stored, so that they cannot be enrolled again. */
export interface KeyView extends KeyRecord {
  readonly principal: string;
  readonly pin: KeyPin;
}

export interface IdentityView {
  key(pin: KeyPin): KeyView | undefined;
  keysOf(principal: string): readonly KeyView[];
  readonly keyCount: number;
  token(digest: string): TokenRecord | undefined;
  tokens(): Iterable<readonly [digest: string, TokenRecord]>;
  triplesIn(directory: string): readonly CompiledTriple[];
  directoriesWithTriples(): Iterable<string>;
}

export function isLive({ retiresAt = Infinity, revokedAt }: KeyRecord, wallNow: number): boolean {
  return revokedAt === undefined && wallNow < retiresAt;
}
