/** The two runs of the demo. Each makes its calls, injects its faults and records its observations. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Binding, Clerk } from 'binding-clerk';
import type { Call, Incident, Rush } from './recording.js';
import type { Program } from '../lib/program.js';

/** The response of a replica. */
export interface Answer {
  readonly replica: string;
  readonly pid: number;
}

/** A fault of a process, at a time of the run in ms. */
export interface Fault {
  readonly at: number;
  readonly program: Program;
  readonly what: 'killed' | 'restarted' | 'stopped' | 'continued';
}

/** The record of the steady calls; it may be read at any time. */
export interface Recorded {
  readonly calls: Call[];
  readonly incidents: Incident[];
}

const betweenCallsMs = 10;

/** Starts a call every 10 ms, whether or not earlier calls have ended, and injects the faults at their times. */
export async function callSteadily(
  clerk: Clerk,
  name: string,
  durationMs: number,
  faults: readonly Fault[],
  { calls, incidents }: Recorded,
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

  const pending: Promise<unknown>[] = faults.map(async ({ at, program, what }) => {
    await sleep(Math.max(0, at - clock()));
    note(program.name, what);
    if (what === 'killed') await program.kill();
    else if (what === 'restarted') await program.start();
    else if (what === 'stopped') program.stop();
    else program.resume();
  });
  const due = (): number => Math.min(clock(), durationMs - betweenCallsMs) / betweenCallsMs;
  for (let made = 0; made * betweenCallsMs < durationMs;) {
    for (; made <= due(); made++) pending.push(callOnce(service, clock, calls));
    await sleep(Math.max(0, made * betweenCallsMs - clock()));
  }
  await Promise.all(pending);
}

/** Makes concurrent calls of a service, and waits for all of them. */
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

/** `a.2` is the second start of replica a. */
function replicaOf(instance: string): string {
  return instance.split('.')[0] as string;
}

function stopwatch(): () => number {
  const startedAt = performance.now();
  return () => performance.now() - startedAt;
}
