import { parseAddress } from '../../src/core/address.js';
import { toEndpoint, type Endpoint, type EndpointInit } from '../../src/core/endpoint.js';
import type { Channel, ProbeRequest } from '../../src/core/transport.js';

export function endpoint(id: string, overrides: EndpointInit = {}): Endpoint {
  return toEndpoint(
    { id, ...(overrides.addresses === undefined && { address: `http://${id}:80` }), ...overrides },
    'a test',
  );
}

/** A channel that records its calls; the test decides the results of probes. */
export class FakeChannel implements Channel {
  readonly address;
  /** Probes in order; the test settles each one. */
  readonly probes: {
    readonly timeoutMs: number;
    readonly request: ProbeRequest | undefined;
    succeed(): void;
    fail(error?: Error): void;
  }[] = [];
  resets = 0;
  closed = false;

  constructor({ address }: Endpoint) {
    this.address = parseAddress(address);
  }

  probe(limitMs: number, request?: ProbeRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      this.probes.push({
        timeoutMs: limitMs,
        request,
        succeed: resolve,
        fail: (error = new Error('no response')) => reject(error),
      });
    });
  }

  dispatch(): void {}

  async connect(): Promise<void> {}

  resetConnections(): void {
    this.resets++;
  }

  nextAddress(): boolean {
    return false;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  async destroy(): Promise<void> {}
}
