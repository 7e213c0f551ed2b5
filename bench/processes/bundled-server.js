/** A process with one bundled server. Reports its memory and CPU profile. */
import { Session } from 'node:inspector/promises';
import { handleTasks } from '../lib/child-process.js';
import { sleep } from '../lib/clock.js';
import { internalUrl } from '../lib/subject.js';

/** @type {Session} */
let session;

handleTasks({
  /** @param {{ subject?: string, options: object }} input */
  async start({ subject, options }) {
    const { startServer } = await import(internalUrl('server/index.js', subject));
    const { url, port } = await startServer({ port: 0, ...options });
    return { url, port };
  },
  memory,
  async startProfile() {
    session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: 200 });
    await session.post('Profiler.start');
  },
  async stopProfile() {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    return profile;
  },
});

/**
 * Memory of this process, in bytes: `atOnce` is the current resident memory, `rss` and `heap` are minima over the given
 * time, with garbage collected every 5 s. V8 returns the young generation of a busy process (about 30 MB) only after
 * some idle seconds, hence the wait. Requires `--expose-gc`.
 *
 * @param {{ seconds: number }} input
 */
async function memory({ seconds }) {
  const { rss: atOnce } = process.memoryUsage();
  let min = { rss: Infinity, heap: Infinity };
  for (let waited = 0; waited < seconds; waited += 5) {
    await sleep(Math.min(5, seconds) * 1_000);
    globalThis.gc?.();
    await sleep(100);
    const { rss, heapUsed } = process.memoryUsage();
    min = { rss: Math.min(min.rss, rss), heap: Math.min(min.heap, heapUsed) };
  }
  return { ...min, atOnce };
}
