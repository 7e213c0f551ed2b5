/** An endpoint table on a fake clock. Its events and callbacks are recorded. */
import { AsyncResource } from 'node:async_hooks';
import type { EndpointInit } from '../../src/core/endpoint.js';
import type { Evidence } from '../../src/core/health.js';
import type { ProbeRequest } from '../../src/core/transport.js';
import type { EndpointState } from '../../src/health/endpoint-state.js';
import { EndpointTable } from '../../src/health/endpoint-table.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { EventRecorder } from '../support/event-recorder.js';
import { endpoint, FakeChannel } from '../support/endpoints.js';

export class TableHarness {
  readonly runtime;
  readonly recorder = new EventRecorder();
  /** Endpoints that were found unreachable, in order. */
  readonly unreachable: string[] = [];
  /** The request of a probe; false switches probes off. */
  probe: ProbeRequest | false | undefined = undefined;
  changes = 0;
  readonly table: EndpointTable;

  constructor(ids: readonly string[], seed = 1) {
    this.runtime = createFakeRuntime({ seed, startAt: 1_000 });
    this.table = new EndpointTable({
      name: '/shop/orders',
      clock: this.runtime,
      reporter: this.recorder,
      asyncContext: new AsyncResource('TEST'),
      openChannels: (one) => ({ channel: new FakeChannel(one), tlsChannel: undefined }),
      probeRequest: () => this.probe,
      onUnreachable: (id) => this.unreachable.push(id),
      onChange: () => this.changes++,
    });
    this.update(...ids);
  }

  /** Replaces the set of endpoints: ids, or endpoints with further fields. */
  update(...set: readonly (string | EndpointInit)[]): void {
    this.table.update(
      set.map((one) => (typeof one === 'string' ? endpoint(one) : endpoint(one.id ?? '', one))),
    );
  }

  get now(): number {
    return this.runtime.now();
  }

  member(id: string): EndpointState {
    const found = this.table.members.find((one) => one.endpoint.id === id);
    if (found === undefined) throw new Error(`No member has the id ${id}`);
    return found;
  }

  channel(id: string): FakeChannel {
    const { channel } = this.member(id);
    if (!(channel instanceof FakeChannel)) throw new Error(`The channel of ${id} is not a FakeChannel`);
    return channel;
  }

  /** Ids of the ejected endpoints. */
  get ejected(): string[] {
    return this.table.members.filter(({ status }) => status === 'closed').map((one) => one.endpoint.id);
  }

  /** Ids of the endpoints that are suspect. */
  get suspects(): string[] {
    return this.table.members.filter(({ isSuspect }) => isSuspect).map((one) => one.endpoint.id);
  }

  /** One call of the service, which fails after some time. */
  async fail(id: string, evidence: Evidence, tookMs = 0): Promise<void> {
    const [member, startedAt] = this.#startAttempt(id);
    if (tookMs > 0) await this.runtime.advance(tookMs);
    this.table.attemptFailed(member, evidence, startedAt, this.now);
    this.table.attemptEnded(member, false);
  }

  /** One call of the service, which is late after some time, and stays unanswered. */
  async late(id: string, tookMs = 250): Promise<void> {
    const [member, startedAt] = this.#startAttempt(id);
    await this.runtime.advance(tookMs);
    this.table.attemptLate(member, startedAt, this.now);
  }

  /** One call of the service, which gets a response after some time. */
  async respond(id: string, tookMs = 1): Promise<void> {
    const [member, startedAt] = this.#startAttempt(id);
    await this.runtime.advance(tookMs);
    this.table.responseReceived(member, this.now - startedAt, this.now);
    this.table.attemptEnded(member, false);
  }

  /** Starts a call; returns the functions that end it. */
  call(id: string): { fail(evidence: Evidence): void; late(): void; respond(): void; abort(): void } {
    const [member, startedAt] = this.#startAttempt(id);
    return {
      fail: (evidence) => {
        this.table.attemptFailed(member, evidence, startedAt, this.now);
        this.table.attemptEnded(member, false);
      },
      late: () => this.table.attemptLate(member, startedAt, this.now),
      respond: () => {
        this.table.responseReceived(member, this.now - startedAt, this.now);
        this.table.attemptEnded(member, false);
      },
      abort: () => this.table.attemptEnded(member, false),
    };
  }

  /** Advances the clock, with a call of the service every 50 ms. */
  async advanceWithCalls(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      this.table.callStarted();
      await this.runtime.advance(Math.min(50, ms - passed));
    }
  }

  #startAttempt(id: string): [EndpointState, number] {
    const member = this.member(id);
    this.table.callStarted();
    this.table.attemptStarted(member);
    return [member, this.now];
  }
}

export const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => `e${i}`);
