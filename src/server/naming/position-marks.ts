import type { Hashing } from '../../protocol/launch-proof.js';
import type { RegistryIdentity, Run } from './registry-identity.js';

/**
 * The form of a position: incarnation, revision and mark. The mark consists of the number and id of the run, and 64
 * bits of an HMAC.
 */
const positionForm = /^([0-9a-z]{1,64}):([0-9]{1,15}):([0-9]{1,9})-([0-9a-f]{8})-([0-9a-f]{16})$/;
const macLength = 16;
const maxCachedMarks = 16;

/**
 * Result of checking a position. `known`: the position is in the history of the present data. `lost`: the registry
 * has issued the position, but the present data do not contain it. `forged`: the registry has not issued it.
 */
export type PositionVerdict = 'known' | 'lost' | 'forged';

/**
 * Creates and checks the marks of the positions in responses. Each client sends its last position with its requests.
 * A position that the registry has issued, but that the data do not contain, proves that changes were lost.
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

  /** @param revision - revision of the last saved batch */
  check(position: string, revision: number): PositionVerdict {
    const match = positionForm.exec(position);
    if (match === null) return 'forged';
    const [incarnation = '', digits, runDigits, id = '', mac = ''] = match.slice(1);
    const [seen, number] = [Number(digits), Number(runDigits)];
    const { incarnation: own, earlier, runs } = this.#identity;
    if (earlier.includes(incarnation)) return 'known';
    if (incarnation === own) {
      const first = runs[0] as Run;
      // Only the last runs are stored. Positions of earlier runs are accepted as known.
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
 * Returns an HMAC-SHA-256 of a text. It differs from RFC 2104 in one point: the outer hash reads the inner digest as
 * hexadecimal text.
 *
 * @param key - 64 ASCII characters, the block length of SHA-256
 * @see [RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)
 */
function hmac(hashing: Pick<Hashing, 'sha256'>, key: string, text: string): string {
  return hashing.sha256(pad(key, 0x5c) + hashing.sha256(pad(key, 0x36) + text));
}

/** XOR of an ASCII character with either pad is ASCII again, so each character is one byte of UTF-8. */
function pad(key: string, byte: number): string {
  return String.fromCharCode(...Array.from(key, (char) => char.charCodeAt(0) ^ byte));
}
