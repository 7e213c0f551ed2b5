import { readFileSync, statSync } from 'node:fs';

let known: { readonly id: string | undefined } | undefined;

/**
 * Returns the boot id and the inode of the network namespace. Host names are not sufficient, because cloned machines
 * often share a name. Returns undefined if one of the values is missing.
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
