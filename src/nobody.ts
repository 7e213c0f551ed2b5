/** Why a call finds nobody to go to, in words that say what to do about it. */
import type { Answer } from './core/answer.js';
import type { Reachable } from './core/candidate.js';
import { ClerkError } from './core/errors.js';
import type { Wish } from './invoke/site.js';
import type { Target } from './target.js';

/** The registry has answered, no endpoint of the answer can be used, and there is nothing that could start one. */
export function nobodyThere({ name, leftOut }: Target, answer: Answer): ClerkError {
  if (leftOut.length > 0)
    return new ClerkError(
      'NO_ENDPOINT',
      `No endpoint of ${name} can be used from here: ${String(leftOut[0]?.why)}`,
    );
  if (answer.kind === 'absent')
    return new ClerkError(
      'NAME_NOT_FOUND',
      `The registry knows no ${name}; check the name, or give bind() a factory that can start it`,
    );
  return new ClerkError(
    'NO_ENDPOINT',
    `Nobody runs ${name}: the registry has the service and no endpoint; start one, or give bind() a factory that can`,
  );
}

/**
 * There are endpoints, and none fits the binding.
 *
 * @param version - the range that was asked for, if it is what none of them fits
 */
export function nobodyFits({ name, table }: Target, version: string | undefined, wish: Wish): ClerkError {
  if (version !== undefined) {
    const offered = new Set(table.members.map(({ endpoint }) => endpoint.version ?? 'none'));
    return new ClerkError(
      'VERSION_MISMATCH',
      `Nobody runs ${name} in version ${version}; what runs is ${[...offered].join(', ')}`,
    );
  }
  return new ClerkError(
    'NO_ENDPOINT',
    wish.secure
      ? `No endpoint of ${name} speaks TLS; use http:// to admit the others`
      : `Nobody runs ${name}`,
  );
}

/** The policy returned nobody although somebody could be called. */
export function nobodyChosen(name: string, eligible: readonly Reachable[]): ClerkError {
  return new ClerkError(
    'NO_ENDPOINT',
    `The policy of ${name} chose nobody among ${String(eligible.length)}; it must return one of the candidates, or undefined if the call shall fail`,
  );
}

/** Everybody refuses, and the next dial is too far away to wait for. */
export function nobodyUp(name: string, restsMs: number): ClerkError {
  return new ClerkError(
    'ENDPOINTS_EXHAUSTED',
    `No endpoint of ${name} could be reached lately; the next one is tried in ${String(Math.round(restsMs))} ms`,
  );
}
