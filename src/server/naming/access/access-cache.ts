import type { AccessRight } from '../../../core/access-right.js';
import type { AccessGrant, Caller } from '../../ports.js';
import { callerAccess } from './caller-access.js';
import type { AccessView } from './evaluate-access.js';

const maxDecisions = 65_536;

/** Caches decisions about rights until a triple or a group changes. */
export class AccessCache {
  readonly #view: AccessView;
  readonly #version: () => number;
  #cachedVersion = -1;
  readonly #decisions = new Map<string, AccessGrant | undefined>();

  /** @param version - changes with each change of a triple or a group */
  constructor(view: AccessView, version: () => number) {
    this.#view = view;
    this.#version = version;
  }

  access(caller: Caller, name: string, right: AccessRight): AccessGrant | undefined {
    const version = this.#version();
    if (version !== this.#cachedVersion || this.#decisions.size >= maxDecisions) {
      this.#decisions.clear();
      this.#cachedVersion = version;
    }
    const kind = caller.pin === undefined ? 'none' : caller.instance === undefined ? 'own' : 'instance';
    const key = `${right} ${kind} ${caller.principal} ${name}`;
    if (this.#decisions.has(key)) return this.#decisions.get(key);
    const grant = callerAccess(this.#view, caller, name, right);
    this.#decisions.set(key, grant);
    return grant;
  }
}
