/**
 * The demo: a registry and three replicas as real processes, and steady calls. One replica is killed and one is
 * stopped. Both return, and the registry is killed and restarted meanwhile. Then 50 callers call a service that is
 * not running, and the registry's launcher starts it. The service is killed, and 50 callers call it again. Exits with
 * 1 if a call failed, or if the 50 callers caused more or less than one start.
 *
 *   npm run demo              takes about 20 s
 *   npm run demo -- --short   takes about 10 s
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createClerk } from 'binding-clerk';
import { administer } from 'binding-clerk/admin';
import { Registry, writeManifest } from '../lib/registry.js';
import { coloured, plain } from './paint.js';
import type { Rush } from './recording.js';
import { endProcess, Replica } from './processes.js';
import { callAtOnce, callSteadily, type Answer, type Fault, type Recorded } from './runs.js';
import { Screen } from './screen.js';
import { bars, conclusion, figures, story, succeeded } from './story.js';
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
const faults: readonly Fault[] = [
  { at: 2 * secondMs, program: a, what: 'killed' },
  { at: 4 * secondMs, program: registry, what: 'killed' },
  { at: 5.5 * secondMs, program: a, what: 'restarted' },
  { at: 7.5 * secondMs, program: registry, what: 'restarted' },
  { at: 9 * secondMs, program: b, what: 'stopped' },
  { at: 12 * secondMs, program: b, what: 'continued' },
];
const recorded: Recorded = { calls: [], incidents: [] };
const onDemand: Rush[] = [];

screen.say('A registry and three replicas of /shop/orders are starting');
await writeManifest(folder, 'reports', '/shop/reports', new URL('replica.ts', import.meta.url));
await registry.start();
const clerk = createClerk({ registry: registry.url });
const admin = await administer({ registry: registry.url });
await admin.define('/shop/reports', { launch: { manifest: 'reports' } });
await Promise.all(replicas.map((replica) => replica.start()));
for await (const change of clerk.watch('/shop/orders')) {
  if (change.type === 'put' && change.endpoints.length === replicas.length) break;
}

screen.say(
  `100 calls a second for ${durationMs / 1_000} s; replica a is killed, then the registry, then replica b is stopped; all return`,
);
const drawing = setInterval(() => screen.draw(picture()), 125);
await callSteadily(clerk, '/shop/orders', durationMs, faults, recorded);

const service = clerk.bind('/shop/reports');
screen.say(`/shop/reports is not running; ${callers} callers call it at once`);
onDemand.push(await callAtOnce(clerk, service, callers, 'not running'));
const { pid } = await service.json<Answer>('/');
await endProcess(pid);
screen.say(`/shop/reports is killed, and ${callers} callers call it at once`);
onDemand.push(await callAtOnce(clerk, service, callers, 'killed'));
clearInterval(drawing);
await clerk.close();

const result = [recorded.calls, onDemand] as const;
screen.finish([...picture(), '', ...conclusion(...result, paint), '']);
process.exitCode = succeeded(...result) ? 0 : 1;
await admin.stop('/shop/reports');
await admin.close();
await Promise.all([...replicas, registry].map((program) => program.kill()));

/** The picture of the run so far. */
function picture(): string[] {
  const recording = { replicas: ['a', 'b', 'c'], durationMs, ...recorded };
  const columns = Math.max(20, Math.min(75, screen.columns - 16));
  return [
    '',
    paint('title', '  /shop/orders: three replicas, called 100 times a second'),
    '',
    ...timeline(recording, { columns, paint }),
    '',
    ...story(recorded.incidents, paint),
    '',
    paint('title', `  /shop/reports: started by the first of ${callers} concurrent calls`),
    '',
    ...bars(onDemand, paint, Math.max(8, screen.columns - 70)),
    '',
    ...figures(recorded.calls, onDemand, paint),
  ];
}
