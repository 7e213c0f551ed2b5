/** What the system says of a process, also of one that is not ours; undefined where it does not say. */
import { readFile } from 'node:fs/promises';

/** Ticks a second of `/proc`, on every Linux that Node runs on. */
const ticks = 100;

/** @param {number} pid */
export async function processFacts(pid) {
  try {
    const [stat, status] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'latin1'),
      readFile(`/proc/${pid}/status`, 'latin1'),
    ]);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const rss = /^VmRSS:\s+([0-9]+) kB$/m.exec(status);
    return {
      cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticks,
      rss: Number(rss?.[1] ?? NaN) * 1_024,
    };
  } catch {
    return undefined;
  }
}
