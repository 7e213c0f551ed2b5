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

/** Returns the user id of this process; undefined on a system without user ids, such as Windows. */
export function effectiveUserId(): number | undefined {
  return process.geteuid?.();
}
