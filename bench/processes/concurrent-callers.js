/** A process in which many callers call one service at once, spread over a few new clerks. */
import { handleTasks } from '../lib/child-process.js';
import { now } from '../lib/clock.js';
import { subjectUrl } from '../lib/subject.js';

/** @type {any[]} */
let clerks = [];

handleTasks({
  /** @param {{ origin: string, clerks: number, subject?: string }} input */
  async prepare({ origin, clerks: count, subject }) {
    const { createClerk } = await import(subjectUrl(subject));
    clerks = Array.from({ length: count }, () => createClerk({ registry: origin }));
  },
  /**
   * @param {{ name: string, calls: number }} input
   * @returns {Promise<{ startAt: number, ms: number[], pids: number[] }>} `ms` of each call; `startAt` is an instant of `now()`
   */
  async call({ name, calls }) {
    const startAt = now();
    const responses = await Promise.all(
      Array.from({ length: calls }, async (_, i) => {
        const { pid } = await clerks[i % clerks.length].bind(name).json('/');
        return { pid, ms: now() - startAt };
      }),
    );
    return { startAt, ms: responses.map(({ ms }) => ms), pids: responses.map(({ pid }) => pid) };
  },
  async close() {
    await Promise.all(clerks.map((clerk) => clerk.close()));
  },
});
