/** A process that advertises services, in virtual time, with an in-memory registry and simulated signals. */
import { systemHashing } from '../../src/runtime/hashing.js';
import type { EndSignal } from '../../src/core/end-signal.js';
import { retryLoop } from '../../src/runtime/p-retry-loop.js';
import { Advertiser } from '../../src/service/advertiser.js';
import type { Advertisement } from '../../src/service/advertisement.js';
import type { ServiceRuntime } from '../../src/service/service-runtime.js';
import { createFakeRuntime, type FakeRuntime } from '../../src/testing/fake-runtime.js';
import { FakeRegistry } from '../support/fake-registry.js';

export interface FakeService {
  readonly runtime: FakeRuntime;
  readonly registry: FakeRegistry;
  readonly advertiser: Advertiser;
  /** Registry addresses that were connected to. */
  readonly connected: string[];
  readonly env: Record<string, string>;
  /** The handshake on standard input. */
  handshakeLine: string;
  /** Total active time of the event loop, in ms. */
  busyMs: number;
  /** Whether a connection to an address succeeds. Default: addresses are not checked. */
  accepts: ((address: string, signal: AbortSignal) => boolean | Promise<boolean>) | undefined;
  readonly warnings: string[];
  /** How the process ended, in order. */
  readonly ended: string[];
  /** Sends a signal; false when it is not handled, so that the process ends. */
  sendSignal(signal: EndSignal): boolean;
}

export function fakeService(
  runtime: FakeRuntime = createFakeRuntime({ seed: 5, hostAddresses: ['10.0.0.7', 'fd00::7'] }),
): FakeService {
  const registry = new FakeRegistry(runtime);
  const connected: string[] = [];
  const env: Record<string, string> = {};
  const warnings: string[] = [];
  const ended: string[] = [];
  const listeners = new Set<(signal: EndSignal) => void>();
  const self: Pick<FakeService, 'handshakeLine' | 'busyMs' | 'accepts'> = {
    handshakeLine: '',
    busyMs: 0,
    accepts: undefined,
  };
  const serviceRuntime: ServiceRuntime = {
    clock: runtime,
    hashing: systemHashing,
    retry: retryLoop,
    connect: (url) => {
      connected.push(url);
      return registry.connection(url);
    },
    openIdentity: () => Promise.reject(new Error('The process has no identity')),
    eventLoopActiveMs: () => self.busyMs,
    acceptsConnection: async ({ text }, signal) => self.accepts?.(text, signal) ?? true,
    process: {
      env,
      readFirstLine: async () => self.handshakeLine,
      onEndSignal: (callback) => {
        listeners.add(callback);
        return () => listeners.delete(callback);
      },
      endBySignal: (signal) => void ended.push(signal),
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
    advertiser: new Advertiser(serviceRuntime),
    sendSignal: (signal: EndSignal) => {
      const all = [...listeners];
      for (const callback of all) callback(signal);
      return all.length > 0;
    },
  });
}

/** Records the events of an advertisement. */
export function recordEvents(ad: Advertisement): string[] {
  const events: string[] = [];
  for (const event of ['registered', 'lost', 'fenced', 'suspected', 'cleared', 'drained'] as const)
    ad.on(event, () => events.push(event));
  return events;
}
