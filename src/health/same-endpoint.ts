import type { Endpoint } from '../core/endpoint.js';

/** Compares the epoch, the addresses in any order, and the keys. */
export function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.epoch === b.epoch && isSameSet(a.addresses, b.addresses) && isSameList(a.keys, b.keys);
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return isSameList(a, b) || isSameList([...a].sort(), [...b].sort());
}

export function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((item, i) => item === b[i]));
}
