/** The two runs of the demo. Each makes its calls, does to the replicas what is to be done, and records what it sees. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Binding, Clerk } from 'binding-clerk';
import type { Call, Incident, Rush } from './recording.js';
import type { Replica } from './replicas.js';

/** Something that is done to a replica, at some time of the run in ms. */
export interface Deed {
  readonly at: number;
  readonly replica: Replica;
  readonly what: 'killed' | 'restarted' | 'stopped' | 'continued';
}

/** Where steady calls are recorded; it may be read at any time. */
export interface Notebook {
  readonly calls: Call[];
  readonly incidents: Incident[];
}

const betweenCallsMs = 10;

/** Calls every 10 ms, whether or not earlier calls were answered, while the deeds are done in their time. */
export async function callSteadily(
  clerk: Clerk,
  name: string,
  durationMs: number,
  deeds: readonly Deed[],
  { calls, incidents }: Notebook,
): Promise<void> {
  const service = clerk.bind(name);
  await service.ready();
  const clock = stopwatch();
  const note = (replica: string, what: Incident['what'], reason?: string): void => {
    incidents.push({ at: clock(), replica, what, ...(reason === undefined ? {} : { reason }) });
  };
  clerk.on('ejected', ({ endpoint, reason }) => note(endpoint, 'ejected', reason));
  clerk.on('revived', ({ endpoint }) => note(endpoint, 'revived'));
  clerk.on('failover', ({ from }) => note(from, 'failover'));

  const underWay: Promise<unknown>[] = deeds.map(async ({ at, replica, what }) => {
    await sleep(at - clock());
    note(replica.name, what);
    if (what === 'killed') await replica.kill();
    else if (what === 'restarted') await replica.start();
    else if (what === 'stopped') replica.stop();
    else replica.goOn();
  });
  const due = (): number => Math.min(clock(), durationMs - betweenCallsMs) / betweenCallsMs;
  for (let made = 0; made * betweenCallsMs < durationMs;) {
    for (; made <= due(); made++) underWay.push(callOnce(service, clock, calls));
    await sleep(made * betweenCallsMs - clock());
  }
  await Promise.all(underWay);
}

/** Has many call a service at once, and waits for all of them. */
export async function callAtOnce(
  clerk: Clerk,
  service: Binding,
  callers: number,
  title: string,
): Promise<Rush> {
  const calls: Call[] = [];
  const startedAt: number[] = [];
  const clock = stopwatch();
  const onStarted = (): void => void startedAt.push(clock());
  clerk.on('started', onStarted);
  await Promise.all(Array.from({ length: callers }, () => callOnce(service, clock, calls)));
  clerk.off('started', onStarted);
  return { title, calls, startedAt };
}

async function callOnce(service: Binding, clock: () => number, calls: Call[]): Promise<void> {
  const at = clock();
  try {
    const { replica } = await service.json<{ readonly replica: string }>('/');
    calls.push({ at, ms: clock() - at, by: replica });
  } catch (error) {
    calls.push({ at, ms: clock() - at, by: undefined, error: String(error) });
  }
}

function stopwatch(): () => number {
  const startedAt = performance.now();
  return () => performance.now() - startedAt;
}
