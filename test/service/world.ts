/** A process that advertises, in virtual time, with its registry in memory and its signals at hand. */
import { systemHashing } from '../../src/runtime/hashing.js';
import { retry } from '../../src/invoke/retry.js';
import { Advertising } from '../../src/service/advertising.js';
import type { Advertisement } from '../../src/service/advertisement.js';
import type { Surroundings } from '../../src/service/surroundings.js';
import { createFakeRuntime, type FakeRuntime } from '../../src/testing/fake-runtime.js';
import { FakeRegistry } from '../support/fake-registry.js';

export interface Service {
  readonly runtime: FakeRuntime;
  readonly registry: FakeRegistry;
  readonly advertising: Advertising;
  /** Registry addresses that were connected to. */
  readonly connected: string[];
  readonly env: Record<string, string>;
  /** What the launcher writes. */
  line: string;
  /** For how long its event loop has worked so far. */
  busyMs: number;
  readonly warnings: string[];
  /** How the process ended, in order. */
  readonly ended: string[];
  /** Sends SIGTERM; false when nobody listens and the process is gone. */
  term(): boolean;
}

export function service(runtime: FakeRuntime = createFakeRuntime({ seed: 5 })): Service {
  const registry = new FakeRegistry(runtime);
  const connected: string[] = [];
  const env: Record<string, string> = {};
  const warnings: string[] = [];
  const ended: string[] = [];
  const terms = new Set<() => void>();
  const self = { line: '', busyMs: 0 };
  const surroundings: Surroundings = {
    clock: runtime,
    hashing: systemHashing,
    retry,
    connect: (url) => {
      connected.push(url);
      return registry.peer(url);
    },
    busyMs: () => self.busyMs,
    hostAddresses: () => ['10.0.0.7', 'fd00::7'],
    process: {
      env,
      firstLine: async () => self.line,
      onTerm: (callback) => {
        terms.add(callback);
        return () => terms.delete(callback);
      },
      endByTerm: () => void ended.push('SIGTERM'),
      exit: (code) => void ended.push(`exit ${code}`),
      warn: (message) => void warnings.push(message),
    },
  };
  return Object.assign(self, {
    runtime,
    registry,
    connected,
    env,
    warnings,
    ended,
    advertising: new Advertising(surroundings),
    term: () => {
      const all = [...terms];
      terms.clear();
      for (const callback of all) callback();
      return all.length > 0;
    },
  });
}

/** Everything that an advertisement says, as words. */
export function heard(ad: Advertisement): string[] {
  const words: string[] = [];
  for (const event of ['registered', 'lost', 'fenced', 'suspected', 'cleared', 'drained'] as const)
    ad.on(event, () => words.push(event));
  return words;
}
