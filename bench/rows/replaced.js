/** Replaced: a startable service whose only process is killed or frozen. */
import { spawn } from 'node:child_process';
import { Child } from '../lib/child-process.js';
import { now, sleep } from '../lib/clock.js';
import { startBundledServer } from '../lib/registry-servers.js';
import { sendJson } from '../lib/registry-requests.js';
import { createStartableProgram } from '../lib/startable-program.js';
import { median, spread } from '../lib/statistics.js';

export const id = 'replaced';
export const title = 'a service whose only process is killed or frozen';

const name = '/bench/replaced';
const faults = /** @type {const} */ ([
  { signal: 'SIGKILL', what: 'killed', goalMs: 1_000 },
  { signal: 'SIGSTOP', what: 'frozen', goalMs: 3_000 },
]);
const loads = /** @type {const} */ ([
  { method: 'GET', callsPerSecond: 1 },
  { method: 'GET', callsPerSecond: 100 },
  { method: 'POST', callsPerSecond: 100 },
]);

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const program = createStartableProgram(context, name);
  const { exec, args, manifests, events } = program;
  const registry = await startBundledServer(context, { options: { manifests } });
  const pids = () => events().map(({ pid }) => pid);
  const startOf = async (/** @type {number} */ count) => {
    for (const since = now(); now() - since < 10_000; await sleep(10)) {
      const starts = events().filter(({ event }) => event === 'advertised');
      if (starts.length >= count) return starts[count - 1];
    }
    throw new Error('The service must be advertised within 10 s');
  };
  const verdicts = [];
  /** @type {Record<string, unknown>} */
  const details = {};
  try {
    await sendJson(registry.pool, '/v1/define', program.definition);
    for (const how of /** @type {const} */ (['launched', 'by hand']))
      for (const { signal, what, goalMs } of faults)
        for (const { method, callsPerSecond } of loads) {
          const trials = [];
          const rounds = context.quick ? 1 : 5;
          for (let round = 0; round < rounds; round++) {
            program.forget();
            // A reset also ends the backoff after the fault of the trial before.
            if (how === 'launched') await sendJson(registry.pool, '/v1/reset', { name });
            else spawn(exec, [...args, name, registry.origin], { stdio: 'ignore' });
            const { pid } = await startOf(1);
            const caller = new Child('processes/steady-caller.js');
            try {
              await caller.call('prepare', { origin: registry.origin, subject: context.subject });
              const result = await caller.call('run', { name, method, callsPerSecond, pid, signal });
              const start = events().find(
                (event) => event.event === 'advertised' && event.pid === result.newPid,
              );
              trials.push({ ...result, overMs: result.firstMs - (start?.upMs ?? NaN) });
            } finally {
              await caller.end();
              await sendJson(registry.pool, '/v1/stop', { name });
              for (const one of new Set(pids())) killNow(one);
              // If no process has replaced the one that was run by hand, its endpoint is still registered.
              await sendJson(registry.pool, '/v1/remove', { name, recursive: true, force: true });
              await sendJson(registry.pool, '/v1/define', program.definition);
            }
          }
          const subject = `${how}, ${what}, ${callsPerSecond} ${method}/s`;
          const over = spread(trials.map(({ overMs }) => overMs));
          const failed = trials.map((trial) => trial.failed);
          verdicts.push({
            what: `${subject}: first response, over the start-up of the program`,
            goal: `≤ ${goalMs} ms`,
            ours: `${over.median.toFixed(0)} ms (at most ${over.max.toFixed(0)}); ${median(failed)} of ${median(trials.map(({ calls }) => calls))} calls failed`,
            peers: '',
            ratio: '',
            reached: over.max <= goalMs,
          });
          details[subject] = { over, failed, calls: trials.map(({ calls }) => calls) };
          context.log(subject);
        }
  } finally {
    await sendJson(registry.pool, '/v1/stop', { name }).catch(() => undefined);
    for (const one of new Set(pids())) killNow(one);
    await registry.end();
    program.remove();
  }
  return {
    verdicts,
    details,
    notes: [
      'replaced: one client. The time runs from the first call after the fault until another process responds, less the time from the start of that process until it is advertised. The calls continue for 0.5 s; each has 10 s. Calls of kind `once` that were sent to the dead process fail as unknown.',
    ],
  };
}

function killNow(/** @type {number} */ pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already ended.
  }
}
