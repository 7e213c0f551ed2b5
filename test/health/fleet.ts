/** An endpoint table in virtual time, with everything it says written down. */
import type { EndpointInit } from '../../src/core/endpoint.js';
import type { Evidence } from '../../src/core/health.js';
import type { Member } from '../../src/health/member.js';
import { EndpointTable } from '../../src/health/table.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { Recorder } from '../support/recorder.js';
import { endpoint, FakeChannel } from '../support/endpoints.js';

export class Fleet {
  readonly runtime;
  readonly recorder = new Recorder();
  readonly suspects: string[] = [];
  changes = 0;
  readonly table: EndpointTable;

  constructor(ids: readonly string[], seed = 1) {
    this.runtime = createFakeRuntime({ seed, startAt: 1_000 });
    this.table = new EndpointTable({
      name: '/shop/orders',
      clock: this.runtime,
      reporter: this.recorder,
      open: (one) => ({ channel: new FakeChannel(one), secure: undefined }),
      probeLimitMs: () => 250,
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

  member(id: string): Member {
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
  get aside(): string[] {
    return this.table.members.filter(({ status }) => status === 'closed').map((one) => one.endpoint.id);
  }

  /** One call of the service, that fails or is answered after some time. */
  async fails(id: string, evidence: Evidence, tookMs = 0): Promise<void> {
    const [member, beganAt] = this.#begins(id);
    if (tookMs > 0) await this.runtime.advance(tookMs);
    this.table.failed(member, evidence, beganAt, this.now);
    this.table.ended(member);
  }

  async answers(id: string, tookMs = 1): Promise<void> {
    const [member, beganAt] = this.#begins(id);
    await this.runtime.advance(tookMs);
    this.table.answered(member, this.now - beganAt, this.now);
    this.table.ended(member);
  }

  /** A call begins; returns what ends it. */
  call(id: string): { fail(evidence: Evidence): void; answer(): void; abort(): void } {
    const [member, beganAt] = this.#begins(id);
    return {
      fail: (evidence) => {
        this.table.failed(member, evidence, beganAt, this.now);
        this.table.ended(member);
      },
      answer: () => {
        this.table.answered(member, this.now - beganAt, this.now);
        this.table.ended(member);
      },
      abort: () => this.table.ended(member),
    };
  }

  /** Lets time pass with a call of some other endpoint each 50 ms. */
  async passes(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      this.table.called();
      await this.runtime.advance(Math.min(50, ms - passed));
    }
  }

  #begins(id: string): [Member, number] {
    const member = this.member(id);
    this.table.called();
    this.table.began(member);
    return [member, this.now];
  }
}

export const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => `e${i}`);
