import { statSync } from 'node:fs';
import type { SocketFacts } from '../core/address-policy.js';

export function socketFacts(path: string): SocketFacts | undefined {
  try {
    const { uid, mode } = statSync(path);
    return { owner: uid, mode };
  } catch {
    return undefined;
  }
}

/** Undefined on a host without user ids. */
export function effectiveUserId(): number | undefined {
  return process.geteuid?.();
}
