/** Programs that leave processes behind, with real processes. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { outcomeOf } from './fake-host.js';
import { FakeNameService } from './fake-name-service.js';
import { isRunning, RealHost, until } from './real-host.js';

const name = '/shop/orders';

function scripted(script: string, more: readonly string[] = ['readyMs: 1000']) {
  const names = new FakeNameService();
  names.define(name, { manifest: 'orders' });
  const host = new RealHost(names, (request) => names.register(request));
  host.shellManifest(script.replaceAll('FOLDER', host.folder), more);
  const pidOf = (file: string): number => {
    const pid = Number(readFileSync(join(host.folder, file), 'utf8'));
    onTestFinished(() => {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended, as it should.
      }
    });
    return pid;
  };
  return { names, host, pidOf };
}

const detached = 'setsid env -i /bin/sh -c';

test.each([
  ['of a program that does not register', `${detached} 'echo $$ > FOLDER/pid; exec sleep 600' & sleep 600`],
  [
    'with other streams, of a program that does not register',
    `${detached} 'echo $$ > FOLDER/pid; exec sleep 600' > /dev/null 2>&1 & sleep 600`,
  ],
  [
    'of a program that exits at once',
    `${detached} 'echo $$ > FOLDER/pid; exec sleep 600' & sleep 0.05; exit 1`,
  ],
  [
    'with a parent that has ended, of a program that does not register',
    `${detached} '${detached.replace('setsid ', '')} "sleep 1; echo \\$\\$ > FOLDER/pid; exec sleep 600" & sleep 3' > /dev/null 2>&1 & sleep 600`,
  ],
])('a child in a session of its own with an empty environment ends: %s', async (what, script) => {
  // The processes are looked at every 100 ms, and less often on a busy machine.
  const readyMs = what.startsWith('with a parent') ? 5_000 : 1_000;
  const { names, host, pidOf } = scripted(script, [`readyMs: ${String(readyMs)}`]);
  const launcher = await host.open();
  expect(await outcomeOf(launcher.launch({ name }, undefined))).toMatch(/^START_FAILED/);
  await until(() => names.launches.all().length === 0);
  expect(isRunning(pidOf('pid'))).toBe(false);
  await launcher.close();
});

test('processes beside the program are not ended', async () => {
  const { names, host } = scripted('sleep 600');
  const folder = mkdtempSync(join(tmpdir(), 'clerk-beside-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const beside = execFileSync('/bin/sh', ['-c', 'setsid env -i sleep 600 > /dev/null 2>&1 & echo $!'], {
    encoding: 'utf8',
  });
  onTestFinished(() => void process.kill(Number(beside), 'SIGKILL'));
  const launcher = await host.open();
  expect(await outcomeOf(launcher.launch({ name }, undefined))).toMatch(/^START_FAILED/);
  await until(() => names.launches.all().length === 0);
  expect(isRunning(Number(beside))).toBe(true);
  await launcher.close();
});

test('without a durable store, a start under way ends with the server; with one, the next server finds it', async () => {
  for (const isDurable of [false, true]) {
    const { names, host, pidOf } = scripted('echo $$ > FOLDER/pid; exec sleep 600', []);
    const launcher = await host.open({ isDurable });
    const outcome = outcomeOf(launcher.launch({ name }, undefined));
    await until(() => {
      try {
        return readFileSync(join(host.folder, 'pid'), 'utf8').endsWith('\n');
      } catch {
        return false;
      }
    });
    const pid = pidOf('pid');
    await launcher.close();
    expect(await outcome).toMatch(/^CLERK_CLOSED/);
    expect(isRunning(pid)).toBe(isDurable);
    expect(names.launches.all()).toHaveLength(isDurable ? 1 : 0);
  }
});
