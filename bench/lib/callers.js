/** A process with many callers who all want the same service at once: a few fresh clerks, and calls spread over them. */
import { answering } from './children.js';
import { now } from './clock.js';
import { subjectUrl } from './subject.js';

/** @type {any[]} */
let clerks = [];

answering({
  /** @param {{ origin: string, clerks: number, subject?: string }} input */
  async prepare({ origin, clerks: count, subject }) {
    const { createClerk } = await import(subjectUrl(subject));
    clerks = Array.from({ length: count }, () => createClerk({ registry: origin }));
  },
  /**
   * @param {{ name: string, calls: number }} input
   * @returns {Promise<{ startAt: number, ms: number[], pids: number[] }>} ms of each call; `startAt` by the clock of all processes
   */
  async call({ name, calls }) {
    const startAt = now();
    const answers = await Promise.all(
      Array.from({ length: calls }, async (_, i) => {
        const { pid } = await clerks[i % clerks.length].bind(name).json('/');
        return { pid, ms: now() - startAt };
      }),
    );
    return { startAt, ms: answers.map(({ ms }) => ms), pids: answers.map(({ pid }) => pid) };
  },
  async close() {
    await Promise.all(clerks.map((clerk) => clerk.close()));
  },
});
