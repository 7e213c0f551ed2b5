/** Describes a recording in sentences and figures. Pure functions of the recording, as the timeline is. */
import type { Paint } from './paint.js';
import { count, slowMs, type Call, type Incident, type Rush } from './recording.js';
import { faults, isFault } from './timeline.js';

const faultTexts = {
  killed: 'is killed (SIGKILL): connections break or are refused',
  restarted: 'is restarted at the same port',
  stopped: 'is stopped (SIGSTOP): it accepts connections and does not respond',
  continued: 'continues (SIGCONT)',
} as const;

const evidence: Readonly<Record<string, string>> = {
  reset: 'connections broke',
  refused: 'connection refused',
  timeout: 'no response in time',
  status: 'it responds with errors',
};

/** One line per incident, with its time. */
export function story(incidents: readonly Incident[], paint: Paint): string[] {
  return incidents.flatMap((incident) => {
    const { at, replica, what, reason = '' } = incident;
    const time = paint('faint', `${(at / 1_000).toFixed(2).padStart(7)} s `);
    if (isFault(incident)) {
      const { sign, style } = faults[incident.what];
      const subject = replica === 'registry' ? 'the registry' : `replica ${replica}`;
      return [`${time} ${paint(style, sign)} ${subject} ${faultTexts[incident.what]}`];
    }
    if (what === 'revived')
      return [`${time}   ${paint('clerk', `clerk uses ${replica} again`)}: it responds`];
    if (what !== 'ejected') return [];
    const moved = incidents.filter(
      (other) => other.what === 'failover' && other.replica === replica && Math.abs(other.at - at) < 500,
    );
    const retried = moved.length === 0 ? '' : `, ${plural(moved.length, 'call')} retried elsewhere`;
    return [
      `${time}   ${paint('clerk', `clerk ejects ${replica}`)}: ${evidence[reason] ?? reason}${retried}`,
    ];
  });
}

/** One bar per rush: the wait for the start, then the responses. */
export function bars(rushes: readonly Rush[], paint: Paint, columns: number): string[] {
  const end = Math.max(1, ...rushes.map(({ calls }) => count(calls).longestMs));
  return rushes.map(({ title, calls, startedAt }) => {
    const { longestMs } = count(calls);
    const upAfterMs = startedAt.at(-1) ?? 0;
    const waiting = Math.round((upAfterMs / end) * columns);
    const answering = Math.max(1, Math.round((longestMs / end) * columns) - waiting);
    const bar = paint('faint', '░'.repeat(waiting)) + paint('answers', '█'.repeat(answering));
    return `  ${title.padEnd(titleWidth)}${bar}  ${plural(startedAt.length, 'start')}, up after ${upAfterMs.toFixed(0)} ms, all done after ${longestMs.toFixed(0)} ms`;
  });
}

/** The figures as a table. */
export function figures(steady: readonly Call[], rushes: readonly Rush[], paint: Paint): string[] {
  const line = (title: string, ...cells: string[]): string =>
    `  ${title.padEnd(titleWidth + 16)}${cells.map((cell) => cell.padStart(9)).join('')}`;
  const { calls, failed, slowed, longestMs } = count(steady);
  return [
    paint('faint', line('', 'calls', 'failed', 'slowed', 'longest', 'starts')),
    line('/shop/orders', `${calls}`, `${failed}`, `${slowed}`, `${longestMs.toFixed(0)} ms`, '–'),
    ...rushes.map(({ title, calls, startedAt }) => {
      const { failed, longestMs } = count(calls);
      // A caller that waits for a start is not slowed: the service needs that time.
      return line(
        `/shop/reports, ${title}`,
        `${calls.length}`,
        `${failed}`,
        '–',
        `${longestMs.toFixed(0)} ms`,
        `${startedAt.length}`,
      );
    }),
  ];
}

/** Whether no call failed and each rush caused one start. */
export function succeeded(steady: readonly Call[], rushes: readonly Rush[]): boolean {
  const calls = [...steady, ...rushes.flatMap(({ calls }) => calls)];
  return count(calls).failed === 0 && rushes.every(({ startedAt }) => startedAt.length === 1);
}

/** A summary of the figures. */
export function conclusion(steady: readonly Call[], rushes: readonly Rush[], paint: Paint): string[] {
  const failures = [...steady, ...rushes.flatMap(({ calls }) => calls)].filter(({ by }) => by === undefined);
  const first = failures[0]?.error ?? 'no error';
  const { slowed, longestMs } = count(steady);
  const slow = slowed === 0 ? 'none' : String(slowed);
  return [
    failures.length === 0
      ? paint('heal', '  No call failed.')
      : paint('harm', `  ${plural(failures.length, 'call')} failed, the first with ${first}`),
    `  Of ${plural(steady.length, 'steady call')} ${slow} took longer than ${slowMs} ms, the longest ${longestMs.toFixed(0)} ms.`,
    ...rushes.map(({ title, calls, startedAt }) => {
      const text = `  /shop/reports, ${title}: ${plural(calls.length, 'caller')}, ${plural(startedAt.length, 'start')}.`;
      return startedAt.length === 1 ? text : paint('harm', text);
    }),
  ];
}

const titleWidth = 16;

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
