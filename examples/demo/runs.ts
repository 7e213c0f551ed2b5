/** The two runs of the demo. Each makes its calls, does to the replicas what is to be done, and records what it sees. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Binding, Clerk } from 'binding-clerk';
import type { Call, Incident, Rush } from './recording.js';
import type { Program } from '../lib/program.js';

/** What a replica answers. */
export interface Answer {
  readonly replica: string;
  readonly pid: number;
}

/** Something that is done to a process, at some time of the run in ms. */
export interface Deed {
  readonly at: number;
  readonly program: Program;
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
  clerk.on('ejected', ({ endpoint, reason }) => note(replicaOf(endpoint), 'ejected', reason));
  clerk.on('revived', ({ endpoint }) => note(replicaOf(endpoint), 'revived'));
  clerk.on('failover', ({ from }) => note(replicaOf(from), 'failover'));

  const underWay: Promise<unknown>[] = deeds.map(async ({ at, program, what }) => {
    await sleep(Math.max(0, at - clock()));
    note(program.name, what);
    if (what === 'killed') await program.kill();
    else if (what === 'restarted') await program.start();
    else if (what === 'stopped') program.stop();
    else program.goOn();
  });
  const due = (): number => Math.min(clock(), durationMs - betweenCallsMs) / betweenCallsMs;
  for (let made = 0; made * betweenCallsMs < durationMs;) {
    for (; made <= due(); made++) underWay.push(callOnce(service, clock, calls));
    await sleep(Math.max(0, made * betweenCallsMs - clock()));
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
    const { replica } = await service.json<Answer>('/');
    calls.push({ at, ms: clock() - at, by: replica });
  } catch (error) {
    calls.push({ at, ms: clock() - at, by: undefined, error: String(error) });
  }
}

/** `a.2` is the second life of replica a. */
function replicaOf(instance: string): string {
  return instance.split('.')[0] as string;
}

function stopwatch(): () => number {
  const startedAt = performance.now();
  return () => performance.now() - startedAt;
}
