import { readFileSync, statSync } from 'node:fs';

let known: { readonly id: string | undefined } | undefined;

/**
 * Returns the boot id of the kernel and the inode of the network namespace of this process. Host names do not tell
 * hosts apart, because cloned machines and containers often have equal names. Undefined on systems without both.
 */
export function hostId(): string | undefined {
  known ??= { id: readHostId() };
  return known.id;
}

function readHostId(): string | undefined {
  try {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return bootId === '' ? undefined : `${bootId}/${String(statSync('/proc/self/ns/net').ino)}`;
  } catch {
    return undefined;
  }
}
