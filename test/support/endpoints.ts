/** Endpoints and connections of no substance: what is asked of a connection is noted, what a probe finds is decided. */
import { parseAddress } from '../../src/core/address.js';
import { toEndpoint, type Endpoint, type EndpointInit } from '../../src/core/endpoint.js';
import type { Channel } from '../../src/core/transport.js';

export function endpoint(id: string, more: EndpointInit = {}): Endpoint {
  return toEndpoint(
    { id, ...(more.addresses === undefined && { address: `http://${id}:80` }), ...more },
    'a test',
  );
}

export class FakeChannel implements Channel {
  readonly address;
  /** When it was probed, and what became of that. */
  readonly probes: { readonly limitMs: number; answer(): void; fail(): void }[] = [];
  renewals = 0;
  closed = false;

  constructor({ address }: Endpoint) {
    this.address = parseAddress(address);
  }

  probe(limitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.probes.push({ limitMs, answer: resolve, fail: () => reject(new Error('no sign of life')) });
    });
  }

  dispatch(): void {}

  async connect(): Promise<void> {}

  renew(): void {
    this.renewals++;
  }

  nextAddress(): boolean {
    return false;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  async destroy(): Promise<void> {}
}
