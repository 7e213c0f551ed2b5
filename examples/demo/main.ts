/**
 * The demo: three replicas as real processes and steady calls; one replica is killed, one is stopped, both come back.
 * Then a service that nobody runs is called by fifty at once, killed, and called by fifty again. Exits with 1 if a
 * call failed, or if fifty callers had a service started other than once.
 *
 *   npm run demo              takes about 18 s
 *   npm run demo -- --short   takes about 8 s
 */
import { parseArgs } from 'node:util';
import { createClerk } from 'binding-clerk';
import { coloured, plain } from './paint.js';
import type { Rush } from './recording.js';
import { Replica } from './replicas.js';
import { callAtOnce, callSteadily, type Deed, type Notebook } from './runs.js';
import { Screen } from './screen.js';
import { bars, conclusion, figures, story, wentWell } from './story.js';
import { timeline } from './timeline.js';

const { values: flags } = parseArgs({ options: { short: { type: 'boolean', default: false } } });
const secondMs = flags.short ? 350 : 1_000;
const durationMs = 15 * secondMs;
const callers = 50;

if (process.platform === 'win32') {
  console.error('The demo stops a process with SIGSTOP, which Windows does not have');
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

const screen = new Screen(process.stdout);
const paint = screen.colour ? coloured : plain;
const [a, b, c] = [new Replica('a'), new Replica('b'), new Replica('c')];
const reports = new Replica('reports');
const deeds: readonly Deed[] = [
  { at: 3 * secondMs, replica: a, what: 'killed' },
  { at: 6 * secondMs, replica: a, what: 'restarted' },
  { at: 8.5 * secondMs, replica: b, what: 'stopped' },
  { at: 12 * secondMs, replica: b, what: 'continued' },
];
const notebook: Notebook = { calls: [], incidents: [] };
const onDemand: Rush[] = [];

screen.say('Three replicas of /shop/orders are starting');
await Promise.all([a.start(), b.start(), c.start()]);
const clerk = createClerk({ registry: { '/shop/orders': [a.endpoint, b.endpoint, c.endpoint] } });

screen.say(
  `They are called 100 times a second for ${durationMs / 1_000} s; a is killed, b is stopped, both come back`,
);
const drawing = setInterval(() => screen.draw(picture()), 125);
await callSteadily(clerk, '/shop/orders', durationMs, deeds, notebook);

const service = clerk.bind('/shop/reports', {
  factory: async () => {
    await reports.start();
    return reports.endpoint;
  },
});
screen.say(`/shop/reports, which nobody runs, is called by ${callers} at once`);
onDemand.push(await callAtOnce(clerk, service, callers, 'nobody runs it'));
await reports.kill();
screen.say(`It is killed, and called by ${callers} at once again`);
onDemand.push(await callAtOnce(clerk, service, callers, 'it was killed'));
clearInterval(drawing);
await clerk.close();

const result = [notebook.calls, onDemand] as const;
screen.finish([...picture(), '', ...conclusion(...result, paint), '']);
process.exitCode = wentWell(...result) ? 0 : 1;
await Promise.all([a, b, c, reports].map((replica) => replica.kill()));

/** All that is to be seen so far. */
function picture(): string[] {
  const recording = { replicas: ['a', 'b', 'c'], durationMs, ...notebook };
  const columns = Math.max(20, Math.min(75, screen.columns - 16));
  return [
    '',
    paint('title', '  /shop/orders: three replicas, called 100 times a second'),
    '',
    ...timeline(recording, { columns, paint }),
    '',
    ...story(notebook.incidents, paint),
    '',
    paint('title', `  /shop/reports: nobody runs it until somebody calls it; ${callers} call at once`),
    '',
    ...bars(onDemand, paint, Math.max(8, screen.columns - 70)),
    '',
    ...figures(notebook.calls, onDemand, paint),
  ];
}
