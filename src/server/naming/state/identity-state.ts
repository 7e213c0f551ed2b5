import type { KeyPin } from '../../../core/key-pin.js';
import { compileTriple, type CompiledTriple } from '../access/access-triple.js';
import type { IdentityView, KeyView } from './identity-view.js';
import type { IdentityChange, KeyRecord, TokenRecord } from './records.js';

export class IdentityState implements IdentityView {
  readonly #keys = new Map<KeyPin, KeyView>();
  /** A principal with one key maps to the key itself, which saves memory. */
  readonly #byPrincipal = new Map<string, KeyView | readonly KeyView[]>();
  readonly #tokens = new Map<string, TokenRecord>();
  readonly #triples = new Map<string, readonly CompiledTriple[]>();
  /** Incremented by each change of triples. */
  accessVersion = 0;

  apply(change: IdentityChange): void {
    switch (change.kind) {
      case 'key':
        this.#removeKey(change.pin);
        if (change.record !== undefined) this.#addKey(change.name, change.pin, change.record);
        return;
      case 'token':
        if (change.record === undefined) this.#tokens.delete(change.digest);
        else this.#tokens.set(change.digest, change.record);
        return;
      case 'access':
        this.accessVersion++;
        if (change.triples.length === 0) this.#triples.delete(change.directory);
        else
          this.#triples.set(
            change.directory,
            change.triples.map((triple) => compileTriple(change.directory, triple)),
          );
        return;
    }
  }

  key(pin: KeyPin): KeyView | undefined {
    return this.#keys.get(pin);
  }

  keys(): Iterable<KeyView> {
    return this.#keys.values();
  }

  keysOf(principal: string): readonly KeyView[] {
    const found = this.#byPrincipal.get(principal);
    if (found === undefined) return [];
    return 'pin' in found ? [found] : found;
  }

  get keyCount(): number {
    return this.#keys.size;
  }

  token(digest: string): TokenRecord | undefined {
    return this.#tokens.get(digest);
  }

  tokens(): Iterable<readonly [string, TokenRecord]> {
    return this.#tokens;
  }

  triplesIn(directory: string): readonly CompiledTriple[] {
    return this.#triples.get(directory) ?? [];
  }

  directoriesWithTriples(): Iterable<string> {
    return this.#triples.keys();
  }

  #addKey(name: string, pin: KeyPin, { enrolledAt, by, retiresAt, revokedAt }: KeyRecord): void {
    const before = this.keysOf(name);
    // All keys of a principal share one string.
    const principal = before[0]?.principal ?? name;
    const key: KeyView = { principal, pin, enrolledAt, by, retiresAt, revokedAt };
    this.#keys.set(pin, key);
    this.#byPrincipal.set(principal, before.length === 0 ? key : [...before, key]);
  }

  #removeKey(pin: KeyPin): void {
    const key = this.#keys.get(pin);
    if (key === undefined) return;
    this.#keys.delete(pin);
    const [first, ...more] = this.keysOf(key.principal).filter((other) => other !== key);
    if (first === undefined) this.#byPrincipal.delete(key.principal);
    else this.#byPrincipal.set(key.principal, more.length === 0 ? first : [first, ...more]);
  }
}
