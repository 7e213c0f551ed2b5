/** The error of a start names what is missing, not the program, which exists. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startProblem } from '../../../src/server/launcher/start-problem.js';
import { outcomeOf } from './fake-host.js';
import { FakeNameService } from './fake-name-service.js';
import { RealHost } from './real-host.js';

const path = '/usr/bin:/bin';

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'clerk-start-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function problemOf(
  script: string,
  cwd = '/',
  runAs?: { uid: number; gid: number },
): Promise<string | undefined> {
  const programPath = join(scratch(), 'orders');
  writeFileSync(programPath, script, { mode: 0o755 });
  return startProblem({ file: '/etc/clerk/orders.yaml', cwd, programPath, runAs }, path);
}

test.each([
  ['#!/bin/sh\necho', undefined],
  ['#!/usr/bin/env sh\necho', undefined],
  ['#!/usr/bin/env -S sh -e\necho', undefined],
  ['\u007fELF', undefined],
  ['', undefined],
  [
    '#!/bin/sh\r\necho',
    /^the first line of .*\/orders ends with a carriage return, .*; save the file with line feeds only$/,
  ],
  [
    '#!/opt/none/ruby -w\nputs',
    /^the interpreter \/opt\/none\/ruby of .*\/orders does not exist or is not executable; install/,
  ],
  ['#! /usr/bin\nputs', /^the interpreter \/usr\/bin of /],
  [
    '#!/usr/bin/env no-such-tool\n',
    /^the interpreter no-such-tool of .* is not in the PATH of the service, which is \/usr\/bin:\/bin; /,
  ],
])('a program that begins with %j: %s', async (script, problem) => {
  const found = await problemOf(script);
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toMatch(problem);
});

test('a working folder that is missing, is a file or may not be entered is named', async () => {
  const folder = scratch();
  const [missing, file, locked] = ['missing', 'file', 'locked'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(file, '');
  mkdirSync(locked);
  chmodSync(locked, 0o700);
  expect(await problemOf('', missing)).toBe(
    `the working folder ${missing} does not exist; create the folder, or change cwd in orders.yaml`,
  );
  expect(await problemOf('', file)).toMatch(`the working folder ${file} is not a folder; `);
  expect(await problemOf('', locked, { uid: 12_345, gid: 12_345 })).toMatch(
    `user 12345 cannot enter the working folder ${locked}; give the user the execute permission on the folder, or `,
  );
  expect(await problemOf('', locked, { uid: 0, gid: 0 })).toBeUndefined();
  expect(await problemOf('', locked)).toBeUndefined();
});

test('a removed working folder fails the start with its name', async () => {
  const names = new FakeNameService();
  names.define('/shop/orders', { manifest: 'orders' });
  const host = new RealHost(names, (request) => names.register(request));
  const cwd = join(host.folder, 'work');
  mkdirSync(cwd);
  host.manifest([], [`cwd: ${cwd}`]);
  const launcher = await host.open();
  rmSync(cwd, { recursive: true });
  expect(await outcomeOf(launcher.launch({ name: '/shop/orders' }, undefined))).toBe(
    `START_FAILED: /shop/orders could not be started: the working folder ${cwd} does not exist; create the folder, or change cwd in orders.yaml`,
  );
});
