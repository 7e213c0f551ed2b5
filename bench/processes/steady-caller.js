/** A process that calls a service at a steady rate, and applies a fault to the process of the service. */
import { handleTasks } from '../lib/child-process.js';
import { now, sleep } from '../lib/clock.js';
import { subjectUrl } from '../lib/subject.js';

/** Time of the calls before the fault, and after the first response of another process, in ms. */
const beforeMs = 1_500;
const afterMs = 500;
const callTimeoutMs = 10_000;

/** @type {any} */
let clerk;

handleTasks({
  /** @param {{ origin: string, subject?: string }} input */
  async prepare({ origin, subject }) {
    const { createClerk } = await import(subjectUrl(subject));
    clerk = createClerk({ registry: origin });
  },
  /**
   * @param {{ name: string, method: 'GET' | 'POST', callsPerSecond: number, pid: number, signal: string }} input
   * @returns {Promise<{ firstMs: number, calls: number, failed: number, newPid: number }>} `firstMs`: time from the first
   *   call after the fault until another process responds
   */
  async run({ name, method, callsPerSecond, pid, signal }) {
    const binding = clerk.bind(name);
    /** @type {Set<Promise<void>>} */
    const pending = new Set();
    const result = { firstMs: Infinity, calls: 0, failed: 0, newPid: 0 };
    let faultAt = Infinity;
    let metAt = Infinity;
    const call = async () => {
      const calledAt = now();
      result.calls++;
      if (calledAt >= faultAt) metAt = Math.min(metAt, calledAt);
      try {
        const answer = await binding.json('/', { method, timeoutMs: callTimeoutMs });
        if (answer.pid === pid || result.newPid !== 0) return;
        result.newPid = answer.pid;
        result.firstMs = now() - metAt;
      } catch {
        result.failed++;
      }
    };
    const timer = setInterval(() => {
      const one = call().finally(() => pending.delete(one));
      pending.add(one);
    }, 1_000 / callsPerSecond);
    await sleep(beforeMs);
    faultAt = now();
    process.kill(pid, signal);
    while (result.newPid === 0 && now() - faultAt < 25_000) await sleep(10);
    await sleep(afterMs);
    clearInterval(timer);
    await Promise.all(pending);
    return result;
  },
  close: () => clerk.close(),
});
