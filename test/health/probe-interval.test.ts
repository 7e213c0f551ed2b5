/** Probes of an unhealthy endpoint: one at a time, at least 500 ms apart, and at irregular intervals. */
import { AsyncResource } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { EndpointTable } from '../../src/health/endpoint-table.js';
import { createFakeRuntime, type FakeRuntime } from '../../src/testing/fake-runtime.js';
import { EventRecorder } from '../support/event-recorder.js';
import { endpoint, FakeChannel } from '../support/endpoints.js';
import { ids } from './table-harness.js';

/** Instants at which one endpoint was probed, and the highest number of its probes at a time. */
interface ProbeLog {
  readonly sentAt: number[];
  maxInFlight: number;
}

/** A channel whose probes take a time, then fail or succeed. */
class ProbedChannel extends FakeChannel {
  inFlight = 0;

  constructor(
    one: ConstructorParameters<typeof FakeChannel>[0],
    readonly runtime: FakeRuntime,
    readonly log: ProbeLog,
    readonly reply: { readonly takesMs: number; readonly isAnswered: boolean },
  ) {
    super(one);
  }

  override probe(): Promise<void> {
    const { runtime, log, reply } = this;
    log.sentAt.push(runtime.now());
    log.maxInFlight = Math.max(log.maxInFlight, ++this.inFlight);
    return new Promise((resolve, reject) => {
      runtime.setTimer(() => {
        this.inFlight--;
        if (reply.isAnswered) resolve();
        else reject(new Error('no response'));
      }, reply.takesMs);
    });
  }
}

/** Calls every 10 ms for 30 s. Each call at the endpoint `e0` is late after 25 ms, and never answered. */
async function probesOf(seed: number, takesMs: number, isAnswered: boolean): Promise<ProbeLog> {
  const runtime = createFakeRuntime({ seed, startAt: 1_000 });
  const log: ProbeLog = { sentAt: [], maxInFlight: 0 };
  const table = new EndpointTable({
    name: '/shop/orders',
    clock: runtime,
    reporter: new EventRecorder(),
    asyncContext: new AsyncResource('TEST'),
    openChannels: (one) => ({
      channel: new ProbedChannel(one, runtime, one.id === 'e0' ? log : { sentAt: [], maxInFlight: 0 }, {
        takesMs,
        isAnswered,
      }),
      tlsChannel: undefined,
    }),
    probeRequest: () => undefined,
    onUnreachable: () => undefined,
    onChange: () => undefined,
  });
  table.update(ids(3).map((id) => endpoint(id)));
  const [member] = table.members;
  if (member === undefined) throw new Error('The table has no endpoint');
  for (let i = 0; i < 3_000; i++) {
    table.callStarted();
    table.attemptStarted(member);
    const startedAt = runtime.now();
    runtime.setTimer(() => {
      table.attemptLate(member, startedAt, runtime.now());
      table.attemptEnded(member, false);
    }, 25);
    await runtime.advance(10);
  }
  table.stop();
  return log;
}

test.each([
  ['are answered at once', 2, true],
  ['are answered after 400 ms', 400, true],
  ['fail at once', 0, false],
  ['are silent for 1 s', 1_000, false],
])(
  'probes that %s are sent one at a time, at least 500 ms apart and jittered',
  async (_, takesMs, isAnswered) => {
    for (let seed = 1; seed <= 10; seed++) {
      const { sentAt, maxInFlight } = await probesOf(seed, takesMs, isAnswered);
      const gaps = sentAt.slice(1).map((at, i) => at - (sentAt[i] as number));
      expect(gaps.length).toBeGreaterThan(5);
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(500);
      expect(maxInFlight).toBe(1);
      expect(new Set(gaps).size).toBeGreaterThan(gaps.length / 2);
    }
  },
);
