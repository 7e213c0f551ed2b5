import { readFileSync, statSync } from 'node:fs';

let known: { readonly id: string | undefined } | undefined;

/**
 * Returns an id of this host: the boot id of the kernel, and the inode of the network namespace of this process. Host
 * names are not sufficient, because cloned machines and containers often have equal names. Returns undefined if the
 * system lacks one of the two values.
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
