/**
 * The demo: a registry and three replicas as real processes, and steady calls. One replica is killed, one is stopped,
 * both come back, and the registry itself is killed and started again meanwhile. Then a service that nobody runs is
 * called by fifty at once and started by the registry's launcher, killed, and called by fifty again. Exits with 1 if a
 * call failed, or if fifty callers had a service started other than once.
 *
 *   npm run demo              takes about 20 s
 *   npm run demo -- --short   takes about 10 s
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createClerk } from 'binding-clerk';
import { Registry, tell, writeManifest } from '../lib/registry.js';
import { coloured, plain } from './paint.js';
import type { Rush } from './recording.js';
import { endProcess, Replica } from './processes.js';
import { callAtOnce, callSteadily, type Answer, type Deed, type Notebook } from './runs.js';
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
const folder = mkdtempSync(join(tmpdir(), 'clerk-demo-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const registry = new Registry(folder);
const replicas = ['a', 'b', 'c'].map((name) => new Replica(name, registry)) as [Replica, Replica, Replica];
const [a, b] = replicas;
const deeds: readonly Deed[] = [
  { at: 2 * secondMs, program: a, what: 'killed' },
  { at: 4 * secondMs, program: registry, what: 'killed' },
  { at: 5.5 * secondMs, program: a, what: 'restarted' },
  { at: 7.5 * secondMs, program: registry, what: 'restarted' },
  { at: 9 * secondMs, program: b, what: 'stopped' },
  { at: 12 * secondMs, program: b, what: 'continued' },
];
const notebook: Notebook = { calls: [], incidents: [] };
const onDemand: Rush[] = [];

screen.say('A registry and three replicas of /shop/orders are starting');
await writeManifest(folder, 'reports', '/shop/reports', new URL('replica.ts', import.meta.url));
await registry.start();
const clerk = createClerk({ registry: registry.url });
await tell(registry.url, 'define', { name: '/shop/reports', launch: { manifest: 'reports' } });
await Promise.all(replicas.map((replica) => replica.start()));
for await (const change of clerk.watch('/shop/orders')) {
  if (change.type === 'put' && change.endpoints.length === replicas.length) break;
}

screen.say(
  `They are called 100 times a second for ${durationMs / 1_000} s; a is killed, then the registry, then b is stopped, and all come back`,
);
const drawing = setInterval(() => screen.draw(picture()), 125);
await callSteadily(clerk, '/shop/orders', durationMs, deeds, notebook);

const service = clerk.bind('/shop/reports');
screen.say(`/shop/reports, which nobody runs, is called by ${callers} at once`);
onDemand.push(await callAtOnce(clerk, service, callers, 'nobody runs it'));
const { pid } = await service.json<Answer>('/');
await endProcess(pid);
screen.say(`It is killed, and called by ${callers} at once again`);
onDemand.push(await callAtOnce(clerk, service, callers, 'it was killed'));
clearInterval(drawing);
await clerk.close();

const result = [notebook.calls, onDemand] as const;
screen.finish([...picture(), '', ...conclusion(...result, paint), '']);
process.exitCode = wentWell(...result) ? 0 : 1;
await tell(registry.url, 'stop', { name: '/shop/reports' });
await Promise.all([...replicas, registry].map((program) => program.kill()));

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
