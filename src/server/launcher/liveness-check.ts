import { parseAddress } from '../../core/address.js';
import { sleep, type Clock } from '../../core/clock.js';
import type { ListenerState, Processes } from '../../core/processes.js';
import { afterRunningTime } from './running-time.js';

/**
 * Time after which a process paused by SIGSTOP counts as faulty, in ms. Tools that limit CPU time pause processes for
 * shorter times.
 */
const stoppedMs = 300;
/**
 * Time after which a process that responds at none of its addresses counts as faulty, in ms. Time in which the event
 * loop of the server is blocked does not count.
 */
const silentMs = 1_000;
const pollMs = 50;
/** Minimum number of checks within `silentMs`. Fewer checks mean that the event loop of the server was blocked. */
const minLooks = 10;
const redialMs = 100;

interface FaultOptions {
  readonly processes: Processes;
  readonly clock: Clock;
}

/**
 * Returns why a launched process cannot accept calls; undefined when no fault is found. Connects to `addresses`, so
 * callers pass only addresses that were registered with the ticket of the launch.
 *
 * @param pid - undefined when the process is unknown
 * @see [C6.4](../../../docs/guarantees.md#c6-4), [A19](../../../docs/guarantees.md#a19)
 */
export async function launchedProcessFault(
  options: FaultOptions,
  pid: number | undefined,
  addresses: readonly string[],
): Promise<string | undefined> {
  const faults = [
    ...(pid === undefined
      ? []
      : [isStoppedFor(options, pid).then((stopped) => stopped && 'is stopped (SIGSTOP)')]),
    ...(addresses.length === 0 ? [] : [isSilent(options, addresses).then((silent) => silent && silentFault)]),
  ];
  return new Promise((resolve) => {
    for (const fault of faults) void fault.then((text) => text !== false && resolve(text));
    void Promise.all(faults).then(() => resolve(undefined));
  });
}

/**
 * State of an endpoint that the launcher did not start. An endpoint is dead if no running process listens at its
 * addresses, or if its process accepts no connection for 1 s. The state of an endpoint on another host is unknown.
 */
export type ForeignEndpointState =
  { readonly kind: 'listening' | 'unknown' } | { readonly kind: 'dead'; readonly fault: string };

/**
 * Checks the listeners at the addresses of an endpoint. Does not connect, because any client can have registered
 * these addresses.
 *
 * @see [A19](../../../docs/guarantees.md#a19)
 */
export async function foreignEndpointState(
  { processes, clock }: FaultOptions,
  addresses: readonly string[],
): Promise<ForeignEndpointState> {
  const parsed = addresses.map((text) => parseAddress(text));
  const look = async (): Promise<ListenerState> => {
    const states = await Promise.all(parsed.map((address) => processes.listenerState(address)));
    return (
      (['listening', 'unknown', 'stopped', 'none'] as const).find((one) => states.includes(one)) ?? 'unknown'
    );
  };
  const waitingConnections = async (): Promise<number> =>
    Math.min(...(await Promise.all(parsed.map((address) => processes.waitingConnections(address)))));
  const startedAt = clock.now();
  let looks = 0;
  let waiting = 1;
  for (;;) {
    const state = await look();
    const lookedMs = clock.now() - startedAt;
    looks++;
    if (state === 'unknown') return { kind: 'unknown' };
    if (state === 'none') return { kind: 'dead', fault: 'refuses connections' };
    if (state === 'stopped' && lookedMs >= stoppedMs) return { kind: 'dead', fault: 'is stopped (SIGSTOP)' };
    if (state === 'listening') {
      // If the process accepts connections, fewer connections wait at some checks than before, even under high load.
      const before = waiting;
      waiting = await waitingConnections();
      if (waiting < before) return { kind: 'listening' };
      if (lookedMs >= silentMs && looks >= minLooks) return { kind: 'dead', fault: unacceptedFault };
    }
    await sleep(clock, pollMs, false);
  }
}

const unacceptedFault = `has accepted no connection for ${String(silentMs / 1_000)} s`;
const silentFault = `has not responded for ${String(silentMs / 1_000)} s`;

async function isStoppedFor({ processes, clock }: FaultOptions, pid: number): Promise<boolean> {
  const until = clock.now() + stoppedMs;
  while (processes.isStopped(pid)) {
    if (clock.now() >= until) return true;
    await sleep(clock, pollMs, false);
  }
  return false;
}

async function isSilent(options: FaultOptions, addresses: readonly string[]): Promise<boolean> {
  const controller = new AbortController();
  const { clock } = options;
  const cancel = afterRunningTime(clock, silentMs, () => {
    // Responses that have already arrived are read before the timeout takes effect.
    clock.afterPendingIo(() => controller.abort());
  });
  const silences = addresses.map((text) => isAddressSilent(options, text, controller.signal));
  const isAnyAnswering = await new Promise<boolean>((resolve) => {
    for (const silence of silences) void silence.then((silent) => !silent && resolve(true));
    void Promise.all(silences).then(() => resolve(false));
  });
  cancel();
  controller.abort();
  return !isAnyAnswering;
}

async function isAddressSilent(
  { processes, clock }: FaultOptions,
  text: string,
  signal: AbortSignal,
): Promise<boolean> {
  if ((await processes.probe(parseAddress(text), signal)) !== 'silent') return false;
  if (signal.aborted) return true;
  await sleep(clock, redialMs, false);
  return isAddressSilent({ processes, clock }, text, signal);
}
