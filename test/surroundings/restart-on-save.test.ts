/** Runners that restart a service at each save of a file, while no client calls the service. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { startServer, type Server } from 'binding-clerk/server';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { packPackage, type PackedPackage } from './packed-package.js';

const nodemon = join(
  dirname(createRequire(import.meta.url).resolve('nodemon/package.json')),
  'bin/nodemon.js',
);

let packed: PackedPackage;
let registry: Server;

beforeAll(async () => {
  registry = await startServer({ port: 0 });
  // Until then, the registry may have shown the service before it was restarted.
  const isOld = setTimeout(5_500);
  packed = await packPackage();
  await isOld;
}, 120_000);

afterAll(async () => {
  packed.remove();
  await registry.close();
});

test.for([
  ['node --watch', ['--watch']],
  ['nodemon', [nodemon, '--quiet', '--signal', 'SIGTERM']],
] as const)('%s restarts a service without a drain', { timeout: 90_000 }, async ([, runner]) => {
  const program = packed.program('watched-service.mjs');
  const child = spawn(process.execPath, [...runner, program, registry.url], {
    cwd: dirname(program),
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    const closed = once(child, 'close');
    process.kill(-(child.pid as number), 'SIGKILL');
    await closed;
  });
  let output = '';
  let onOutput = (): void => undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    onOutput();
  });
  const printed = (pattern: RegExp): Promise<void> =>
    new Promise((resolve) => {
      onOutput = () => {
        if (pattern.test(output)) resolve();
      };
      onOutput();
    });
  await printed(/registered\n/);
  appendFileSync(program, '\n');
  await printed(/registered[^]*registered\n/);
  expect(output.match(/drained.*/g)).toEqual(['drained at once']);
});
