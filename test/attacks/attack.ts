import { isClerkError } from '../../src/core/errors.js';

/** The hostile program. A launched program is one that the launcher has started. */
export type Attacker = 'client' | 'server' | 'registry' | 'launched program' | 'local user';

/** What the attacker sees, or what the attacked program reports. */
export interface Refusal {
  /** A status and a code such as `401 TICKET_REFUSED, not executed`, or a code, or the state of a connection. */
  readonly as: string;
  readonly because: string;
}

/** An attack that one check stops. Variants that the same check stops are one attack with several forms. */
export interface Attack<World, Prepared = any> {
  readonly name: string;
  readonly by: Attacker;
  /** The file below `src` that refuses the attack, and what it checks: `tickets/ticket-header.ts: number of parts`. */
  readonly check: string;
  readonly refusedAs: string;
  /** Part of the message of each refusal. */
  readonly because: string;
  /** What honest parties do before the attack. */
  prepare?(world: World): Promise<Prepared>;
  /** Makes the attack in all its forms. */
  run(world: World, prepared: Prepared): Promise<readonly Refusal[]>;
}

/** The world of an attack shows whether the attack had an effect. */
export interface ObservedWorld {
  /** Everything that no attack may change, such as the names of the registry and the calls of the service. */
  snapshot(): Promise<string>;
}

/** @returns the refusal of an operation that must fail with a {@link ClerkError} */
export async function refusalOf(operation: () => unknown): Promise<Refusal> {
  try {
    await operation();
  } catch (error) {
    if (!isClerkError(error)) throw error;
    const { code, message } = error;
    return { as: code, because: message };
  }
  return { as: 'accepted', because: '' };
}
