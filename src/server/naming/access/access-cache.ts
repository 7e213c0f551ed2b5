import type { AccessRight } from '../../../core/access-right.js';
import type { AccessGrant, Caller, RightsBelow } from '../../ports.js';
import { callerAccess } from './caller-access.js';
import type { AccessView } from './evaluate-access.js';
import { rightsBelow } from './rights-below.js';

const maxDecisions = 65_536;

/** Caches decisions about rights until a triple or a group changes. */
export class AccessCache {
  readonly #view: AccessView;
  readonly #version: () => number;
  #cachedVersion = -1;
  readonly #decisions = new Map<string, AccessGrant | undefined>();
  readonly #decisionsBelow = new Map<string, RightsBelow>();
  readonly #directories: () => Iterable<string>;

  /**
   * @param version - changes with each change of a triple or a group
   * @param directories - returns every directory that has triples
   */
  constructor(view: AccessView, version: () => number, directories: () => Iterable<string>) {
    this.#view = view;
    this.#version = version;
    this.#directories = directories;
  }

  access(caller: Caller, name: string, right: AccessRight): AccessGrant | undefined {
    const key = this.#keyOf(caller, name, right);
    if (this.#decisions.has(key)) return this.#decisions.get(key);
    const grant = callerAccess(this.#view, caller, name, right);
    this.#decisions.set(key, grant);
    return grant;
  }

  below(caller: Caller, name: string, right: AccessRight): RightsBelow {
    const key = this.#keyOf(caller, name, right);
    let found = this.#decisionsBelow.get(key);
    if (found === undefined) {
      found = rightsBelow(this.#view, this.#directories(), caller, name, right);
      this.#decisionsBelow.set(key, found);
    }
    return found;
  }

  /** Returns the key of a decision. Clears the cache first if rights have changed, or if the cache is full. */
  #keyOf(caller: Caller, name: string, right: AccessRight): string {
    const version = this.#version();
    const count = this.#decisions.size + this.#decisionsBelow.size;
    if (version !== this.#cachedVersion || count >= maxDecisions) {
      this.#decisions.clear();
      this.#decisionsBelow.clear();
      this.#cachedVersion = version;
    }
    const kind = caller.pin === undefined ? 'none' : caller.instance === undefined ? 'own' : 'instance';
    return `${right} ${kind} ${caller.principal} ${name}`;
  }
}
