/** An endpoint table in virtual time, with everything it says written down. */
import type { EndpointInit } from '../../src/core/endpoint.js';
import type { Evidence } from '../../src/core/health.js';
import type { EndpointState } from '../../src/health/endpoint-state.js';
import { EndpointTable } from '../../src/health/endpoint-table.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { EventRecorder } from '../support/event-recorder.js';
import { endpoint, FakeChannel } from '../support/endpoints.js';

export class TableHarness {
  readonly runtime;
  readonly recorder = new EventRecorder();
  readonly suspects: string[] = [];
  changes = 0;
  readonly table: EndpointTable;

  constructor(ids: readonly string[], seed = 1) {
    this.runtime = createFakeRuntime({ seed, startAt: 1_000 });
    this.table = new EndpointTable({
      name: '/shop/orders',
      clock: this.runtime,
      reporter: this.recorder,
      openChannels: (one) => ({ channel: new FakeChannel(one), tlsChannel: undefined }),
      probeTimeoutMs: () => 250,
      onSuspect: (id) => this.suspects.push(id),
      onChange: () => this.changes++,
    });
    this.update(...ids);
  }

  /** Takes over a new set: ids, or endpoints. */
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
    if (found === undefined) throw new Error(`There is no ${id}`);
    return found;
  }

  channel(id: string): FakeChannel {
    const { channel } = this.member(id);
    if (!(channel instanceof FakeChannel)) throw new Error(`${id} has a channel of another kind`);
    return channel;
  }

  /** Ids of those that are set aside. */
  get ejected(): string[] {
    return this.table.members.filter(({ status }) => status === 'closed').map((one) => one.endpoint.id);
  }

  /** One call of the service, that fails or is answered after some time. */
  async fail(id: string, evidence: Evidence, tookMs = 0): Promise<void> {
    const [member, beganAt] = this.#startAttempt(id);
    if (tookMs > 0) await this.runtime.advance(tookMs);
    this.table.attemptFailed(member, evidence, beganAt, this.now);
    this.table.attemptEnded(member);
  }

  async respond(id: string, tookMs = 1): Promise<void> {
    const [member, beganAt] = this.#startAttempt(id);
    await this.runtime.advance(tookMs);
    this.table.responseReceived(member, this.now - beganAt, this.now);
    this.table.attemptEnded(member);
  }

  /** A call begins; returns what ends it. */
  call(id: string): { fail(evidence: Evidence): void; respond(): void; abort(): void } {
    const [member, beganAt] = this.#startAttempt(id);
    return {
      fail: (evidence) => {
        this.table.attemptFailed(member, evidence, beganAt, this.now);
        this.table.attemptEnded(member);
      },
      respond: () => {
        this.table.responseReceived(member, this.now - beganAt, this.now);
        this.table.attemptEnded(member);
      },
      abort: () => this.table.attemptEnded(member),
    };
  }

  /** Lets time pass with a call of some other endpoint each 50 ms. */
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
