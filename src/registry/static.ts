/** Static. (provisional) */
import type { Registry } from '../core/registry.js';
export type StaticAddresses = Readonly<Record<string, unknown>>;
export function staticRegistry(input: StaticAddresses, _where: string): Registry {
  return { resolve: (name) => input[name] === undefined ? { kind: 'absent' } : { kind: 'bound', endpoints: [input[name]].flat() as never, ttlMs: Infinity } };
}
/** Whether an object is a registry port rather than static addresses. */
export function isRegistry(value: unknown): value is Registry {
  return typeof (value as { resolve?: unknown }).resolve === 'function';
}
