import type { Hashing } from '../../protocol/launch-proof.js';
import type { RegistryIdentity, Run } from './registry-identity.js';

/** A position: incarnation, revision, and the mark, which consists of the run and of 64 bits of an HMAC. */
const positionForm = /^([0-9a-z]{1,64}):([0-9]{1,15}):([0-9]{1,9})-([0-9a-f]{8})-([0-9a-f]{16})$/;
const macLength = 16;
const maxCachedMarks = 16;

/**
 * What a position proves: `known` positions are part of the history of this registry, `lost` positions are part of a
 * history that its data lacks. A `forged` position proves nothing.
 */
export type PositionVerdict = 'known' | 'lost' | 'forged';

/**
 * Makes and checks the marks of the positions that leave the registry. A client returns the last position that it has
 * seen. After the data of the registry was replaced by an older copy, a returned position shows that changes were lost.
 *
 * @see [decision 079](../../../docs/decisions/079-restored-registry.md)
 */
export class PositionMarks {
  readonly #identity: RegistryIdentity;
  readonly #hashing: Hashing;
  readonly #run: Run;
  readonly #marks = new Map<number, string>();

  constructor(identity: RegistryIdentity, hashing: Hashing) {
    this.#identity = identity;
    this.#hashing = hashing;
    this.#run = identity.runs.at(-1) as Run;
  }

  markOf(revision: number): string {
    const cached = this.#marks.get(revision);
    if (cached !== undefined) return cached;
    const { number, id } = this.#run;
    const mark = `${number}-${id}-${this.#mac(this.#identity.incarnation, revision, number, id)}`;
    if (this.#marks.size >= maxCachedMarks) this.#marks.clear();
    this.#marks.set(revision, mark);
    return mark;
  }

  /** @param revision - of the last saved batch */
  check(position: string, revision: number): PositionVerdict {
    const match = positionForm.exec(position);
    if (match === null) return 'forged';
    const [incarnation = '', digits, runDigits, id = '', mac = ''] = match.slice(1);
    const [seen, number] = [Number(digits), Number(runDigits)];
    const { incarnation: own, earlier, runs } = this.#identity;
    if (earlier.includes(incarnation)) return 'known';
    if (incarnation === own) {
      const first = runs[0] as Run;
      // The runs before the first stored run are forgotten.
      if (number < first.number) return 'known';
      const run = runs.find((each) => each.number === number && each.id === id);
      if (run !== undefined && seen <= (run.lastRevision ?? revision)) return 'known';
    }
    return this.#hashing.timingSafeEqual(mac, this.#mac(incarnation, seen, number, id)) ? 'lost' : 'forged';
  }

  #mac(incarnation: string, revision: number, number: number, id: string): string {
    const text = `${incarnation}:${revision}:${number}-${id}`;
    return hmac(this.#hashing, this.#identity.key, text).slice(0, macLength);
  }
}

/**
 * HMAC-SHA-256 of a text. The inner digest is hashed in hexadecimal.
 *
 * @param key - 64 ASCII characters, the block length of SHA-256
 * @see [RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)
 */
function hmac(hashing: Pick<Hashing, 'sha256'>, key: string, text: string): string {
  return hashing.sha256(pad(key, 0x5c) + hashing.sha256(pad(key, 0x36) + text));
}

/** Both pads keep ASCII characters within ASCII, so each remains one byte of UTF-8. */
function pad(key: string, byte: number): string {
  return String.fromCharCode(...Array.from(key, (char) => char.charCodeAt(0) ^ byte));
}
