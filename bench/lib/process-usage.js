/** CPU time and memory of any process, from `/proc`; undefined where the system has none. */
import { readFile } from 'node:fs/promises';

/** Clock ticks per second in `/proc`, on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** @param {number} pid */
export async function processUsage(pid) {
  try {
    const [stat, status] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'latin1'),
      readFile(`/proc/${pid}/status`, 'latin1'),
    ]);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const rss = /^VmRSS:\s+([0-9]+) kB$/m.exec(status);
    return {
      cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond,
      rss: Number(rss?.[1] ?? NaN) * 1_024,
    };
  } catch {
    return undefined;
  }
}
