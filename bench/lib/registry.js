/** A process with one reference server, which can be asked for its memory and where its time goes. */
import { Session } from 'node:inspector/promises';
import { answering } from './children.js';
import { sleep } from './clock.js';
import { internalUrl } from './subject.js';

/** @type {Session} */
let session;

answering({
  /** @param {{ subject?: string, options: object }} input */
  async start({ subject, options }) {
    const { startServer } = await import(internalUrl('server/index.js', subject));
    const { url, port } = await startServer({ port: 0, ...options });
    return { url, port };
  },
  memory,
  async beginProfile() {
    session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: 200 });
    await session.post('Profiler.start');
  },
  async endProfile() {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    return profile;
  },
});

/**
 * Bytes that are held: at once, and at rest, without rubbish. The engine gives the room that it takes for new objects
 * while it is busy (some 30 MB) back only after some idle seconds, at a moment of its own, so that is waited for.
 * Needs `--expose-gc`.
 *
 * @param {{ seconds: number }} input
 */
async function memory({ seconds }) {
  const { rss: atOnce } = process.memoryUsage();
  let least = { rss: Infinity, heap: Infinity };
  for (let rested = 0; rested < seconds; rested += 5) {
    await sleep(Math.min(5, seconds) * 1_000);
    globalThis.gc?.();
    await sleep(100);
    const { rss, heapUsed } = process.memoryUsage();
    least = { rss: Math.min(least.rss, rss), heap: Math.min(least.heap, heapUsed) };
  }
  return { ...least, atOnce };
}
