/** The tables of docs/operations.md. */
import { readFileSync } from 'node:fs';
import { startServer } from 'binding-clerk/server';
import { expect, onTestFinished, test } from 'vitest';

const page = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');

test('docs/operations.md lists the metrics that a registry exposes, and no other metric', async () => {
  const server = await startServer({ port: 0 });
  onTestFinished(() => server.close());
  await fetch(`${server.url}/v1/status`);
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const exposed = [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name);
  const [, section = ''] = /\n## Metrics of the registry\n([^]*?)\n## /.exec(page) ?? [];
  const listed = [...section.matchAll(/`(clerk_\w+)/g)].map(([, name]) => name);
  expect(exposed.length).toBeGreaterThan(10);
  expect(listed.sort()).toEqual(exposed.sort());
});

test('docs/operations.md lists the parts that a status may name, and no other part', () => {
  const source = readFileSync(new URL('../../../src/protocol/status-messages.ts', import.meta.url), 'utf8');
  const [, union = ''] = /readonly part: ([^;]+);/.exec(source) ?? [];
  const parts = [...union.matchAll(/'(\w+)'/g)].map(([, part]) => part);
  const [, section = ''] = /\n## Health\n([^]*?)\n## /.exec(page) ?? [];
  expect([...section.matchAll(/^\| `(\w+)`/gm)].map(([, part]) => part)).toEqual(parts);
});
