/**
 * Draws a recording over time: faults, responses per replica, reactions of the clerk, and slow calls. A pure function of
 * the recording, so it can be drawn during the run and tested with numbers.
 */
import { Row, type Paint } from './paint.js';
import { slowMs, type Incident, type Recording } from './recording.js';

/** How to draw. */
export interface Drawing {
  readonly paint: Paint;
  /** Characters for the time of the whole run, ≥ 20. */
  readonly columns: number;
}

/** The look of the four faults. */
export const faults = {
  killed: { sign: '✖', verb: 'kill', style: 'harm' },
  restarted: { sign: '▶', verb: 'start', style: 'heal' },
  stopped: { sign: '‖', verb: 'stop', style: 'harm' },
  continued: { sign: '▶', verb: 'continue', style: 'heal' },
} as const;

/** Whether an incident is a fault of a replica, not a reaction of the clerk. */
export function isFault(incident: Incident): incident is Incident & { readonly what: keyof typeof faults } {
  return incident.what in faults;
}

const blocks = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** Draws the recording so far; the remaining time stays blank. */
export function timeline(recording: Recording, { columns, paint }: Drawing): string[] {
  const { replicas, calls, incidents, durationMs } = recording;
  const columnMs = durationMs / columns;
  const column = (at: number): number => Math.min(columns - 1, Math.max(0, Math.floor(at / columnMs)));
  const counted = (matches: (call: Recording['calls'][number]) => boolean): number[] => {
    const counts = new Array<number>(columns).fill(0);
    for (const call of calls) if (matches(call)) counts[column(call.at + call.ms)]! += 1;
    return counts;
  };
  const lines: string[] = [];
  const add = (label: string, row: Row): void => {
    lines.push(`  ${label.padEnd(12)}${row.toText(paint)}`.trimEnd());
  };

  add('seconds', axis(columns, columnMs));
  const faultIncidents = incidents.filter(isFault);
  const above = new Row(columns);
  for (const { at, what, replica } of faultIncidents) {
    const { sign, verb, style } = faults[what];
    above.label(column(at), `${sign} ${verb} ${replica}`, style);
  }
  add('faults', above);

  // A full block means that one replica answered every call.
  const maxCount = Math.max(1, ...counted(({ by }) => by !== undefined));
  const until = Math.max(-1, ...calls.map(({ at, ms }) => column(at + ms)));
  for (const name of replicas) {
    const row = new Row(columns);
    counted(({ by }) => by === name).forEach((count, i) => {
      if (count > 0) row.write(i, blocks[Math.ceil((count / maxCount) * blocks.length) - 1]!, 'answers');
      else if (i <= until) row.write(i, '·', 'faint');
    });
    for (const { at, what } of faultIncidents.filter(({ replica }) => replica === name)) {
      row.write(column(at), faults[what].sign, faults[what].style);
    }
    add(`replica ${name}`, row);
  }

  const below = new Row(columns);
  for (const { at, what, replica } of incidents) {
    if (what === 'ejected') below.label(column(at), `${replica} out`, 'clerk');
    if (what === 'revived') below.label(column(at), `${replica} in`, 'clerk');
  }
  add('clerk', below);
  add(
    `over ${slowMs} ms`,
    numbers(
      counted(({ ms }) => ms > slowMs),
      'slow',
    ),
  );
  const failed = counted(({ by }) => by === undefined);
  if (failed.some((count) => count > 0)) add('failed', numbers(failed, 'harm'));
  return lines;
}

/** The seconds, as many as fit. */
function axis(columns: number, columnMs: number): Row {
  const row = new Row(columns);
  const step = Math.max(1, Math.ceil((4 * columnMs) / 1_000));
  for (let second = 0; second * 1_000 < columns * columnMs; second += step) {
    row.write(Math.round((second * 1_000) / columnMs), String(second), 'faint');
  }
  return row;
}

/** Counts as digits, `+` for ten and more. */
function numbers(counts: readonly number[], style: 'slow' | 'harm'): Row {
  const row = new Row(counts.length);
  counts.forEach((count, i) => {
    if (count > 0) row.write(i, count > 9 ? '+' : String(count), style);
  });
  return row;
}
