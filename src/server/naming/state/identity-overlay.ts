import type { KeyPin } from '../../../core/key-pin.js';
import { compileTriple, type CompiledTriple } from '../access/access-triple.js';
import type { IdentityView, KeyView } from './identity-view.js';
import type { IdentityChange, TokenRecord } from './records.js';

/** The saved keys, tokens and rights, as changed by the commands that are already planned in this batch. */
export class IdentityOverlay implements IdentityView {
  readonly #base: IdentityView;
  readonly #keys = new Map<KeyPin, KeyView | undefined>();
  readonly #tokens = new Map<string, TokenRecord | undefined>();
  readonly #triples = new Map<string, readonly CompiledTriple[]>();
  keyCount: number;

  constructor(base: IdentityView) {
    this.#base = base;
    this.keyCount = base.keyCount;
  }

  apply(change: IdentityChange): void {
    switch (change.kind) {
      case 'key': {
        const { name: principal, pin, record } = change;
        this.keyCount += Number(record !== undefined) - Number(this.key(pin) !== undefined);
        this.#keys.set(pin, record && { ...record, principal, pin });
        return;
      }
      case 'token':
        this.#tokens.set(change.digest, change.record);
        return;
      case 'access': {
        const { directory, triples } = change;
        this.#triples.set(
          directory,
          triples.map((triple) => compileTriple(directory, triple)),
        );
        return;
      }
    }
  }

  key(pin: KeyPin): KeyView | undefined {
    return this.#keys.has(pin) ? this.#keys.get(pin) : this.#base.key(pin);
  }

  keysOf(principal: string): readonly KeyView[] {
    const kept = this.#base.keysOf(principal).filter(({ pin }) => !this.#keys.has(pin));
    const own = [...this.#keys.values()].filter((key) => key?.principal === principal);
    return [...kept, ...(own as readonly KeyView[])];
  }

  token(digest: string): TokenRecord | undefined {
    return this.#tokens.has(digest) ? this.#tokens.get(digest) : this.#base.token(digest);
  }

  *tokens(): IterableIterator<readonly [string, TokenRecord]> {
    for (const entry of this.#base.tokens()) if (!this.#tokens.has(entry[0])) yield entry;
    for (const [digest, record] of this.#tokens) if (record !== undefined) yield [digest, record];
  }

  triplesIn(directory: string): readonly CompiledTriple[] {
    return this.#triples.get(directory) ?? this.#base.triplesIn(directory);
  }

  *directoriesWithTriples(): IterableIterator<string> {
    for (const directory of this.#base.directoriesWithTriples())
      if (!this.#triples.has(directory)) yield directory;
    for (const [directory, triples] of this.#triples) if (triples.length > 0) yield directory;
  }
}
