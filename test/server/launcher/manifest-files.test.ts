import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.js';
import { runAsProblem, findUser } from '../../../src/server/launcher/run-as-user.js';
import {
  programChangeReason,
  readManifest,
  readManifests,
} from '../../../src/server/launcher/manifest-files.js';
import { manifestVersion } from '../../../src/server/launcher/manifest.js';
import { systemHashing } from '../../../src/runtime/hashing.js';
import { programProblem, trustProblem, type FileFacts } from '../../../src/server/launcher/file-trust.js';

/** Creates a folder with a program and a manifest for it. */
function temporaryManifests(more = ''): {
  readonly at: string;
  readonly program: string;
  readonly manifests: string;
} {
  const at = mkdtempSync(join(tmpdir(), 'clerk-manifests-'));
  onTestFinished(() => rmSync(at, { recursive: true, force: true }));
  const [program, manifests] = [join(at, 'orders'), join(at, 'manifests')];
  writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
  mkdirSync(manifests, { mode: 0o755 });
  writeFileSync(
    join(manifests, 'orders.yaml'),
    `version: 1\nservice: /shop/orders\nexec: ${program}\n${more}`,
    { mode: 0o644 },
  );
  return { at, program, manifests };
}

/** The error message of reading the manifests; 'nothing' when they are valid. */
async function errorOf(manifests: string): Promise<string> {
  return readManifests(manifests).then(
    () => 'nothing',
    (error: unknown) => {
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
      return errorMessage(error);
    },
  );
}

test('reads every manifest of a folder, by name', async () => {
  const { manifests, program } = temporaryManifests();
  writeFileSync(join(manifests, 'README.md'), 'not a manifest', { mode: 0o644 });
  const all = await readManifests(manifests);
  expect([...all.keys()]).toEqual(['orders']);
  expect(all.get('orders')).toMatchObject({
    exec: program,
    programPath: program,
    runAs: undefined,
    cwd: '/',
  });
});

test('rejects an untrusted or missing program with file, line and field', async () => {
  const { at, manifests, program } = temporaryManifests();
  const file = join(manifests, 'orders.yaml');
  chmodSync(program, 0o644);
  expect(await errorOf(manifests)).toBe(
    `${file}, line 3: exec must be a trusted program: ${program} must be executable; run chmod +x ${program}`,
  );
  chmodSync(program, 0o775);
  expect(await errorOf(manifests)).toBe(
    `${file}, line 3: exec must be a trusted program: ${program} must not be writable by the group of the file; run chmod go-w ${program}`,
  );
  chmodSync(program, 0o755);
  chmodSync(at, 0o777);
  expect(await errorOf(manifests)).toMatch(
    /line 3: exec must be a trusted program: .* must not be writable by all users/,
  );
  chmodSync(at, 0o700);
  unlinkSync(program);
  expect(await errorOf(manifests)).toMatch(/orders\.yaml, line 3: exec must be an existing program: ENOENT/);
  mkdirSync(program);
  expect(await errorOf(manifests)).toMatch(
    /line 3: exec must be a trusted program: .* must be a regular file/,
  );
});

test('reads NAME.yml like NAME.yaml, and rejects a folder that has both', async () => {
  const { manifests, program } = temporaryManifests();
  const text = `version: 1\nservice: /shop/bills\nexec: ${program}\n`;
  writeFileSync(join(manifests, 'bills.yml'), text);
  const all = await readManifests(manifests);
  expect([...all.keys()].sort()).toEqual(['bills', 'orders']);
  writeFileSync(join(manifests, 'bills.yaml'), text);
  expect(await errorOf(manifests)).toBe(
    `Manifest folder ${manifests} must have one file for each manifest; got bills.yaml and bills.yml; remove one of them`,
  );
  unlinkSync(join(manifests, 'bills.yaml'));
  writeFileSync(join(manifests, 'bills.yml'), `${text}no-such-field: 1\n`);
  expect(await errorOf(manifests)).toMatch(/bills\.yml, line 4: /);
});

test('rejects a working folder, a user or a manifest folder that does not exist', async () => {
  const noCwd = temporaryManifests('cwd: /no/such/folder\n');
  expect(await errorOf(noCwd.manifests)).toMatch(
    /line 4: cwd must be an existing folder; got \/no\/such\/folder/,
  );
  const noUser = temporaryManifests('\nuser: nobody-of-that-name\n');
  expect(await errorOf(noUser.manifests)).toMatch(
    /line 5: user must be a user of \/etc\/passwd or a numeric user id; got 'nobody-of-that-name'/,
  );
  expect(await errorOf('/no/such/folder')).toMatch(
    /^Manifest folder \/no\/such\/folder cannot be read: ENOENT/,
  );
});

test('rejects manifests that other users can write', async () => {
  const { manifests } = temporaryManifests();
  chmodSync(join(manifests, 'orders.yaml'), 0o666);
  expect(await errorOf(manifests)).toMatch(
    /^Manifests and their folder must exist, and be writable only by root and the user who runs the server: .*orders\.yaml must not be writable by/,
  );
  chmodSync(join(manifests, 'orders.yaml'), 0o644);
  chmodSync(manifests, 0o777);
  expect(await errorOf(manifests)).toMatch(
    /^Manifests and their folder must exist, and be writable only by root and the user who runs the server: .*manifests must not be writable by/,
  );
});

test('rejects a manifest above 64 KiB', async () => {
  const { manifests } = temporaryManifests(`#${'x'.repeat(70_000)}\n`);
  expect(await errorOf(manifests)).toMatch(/must be at most 65536 bytes; got 70/);
});

test('follows a symbolic link once and rejects it when it has changed later', async () => {
  const { at, manifests, program } = temporaryManifests();
  const link = join(at, 'current');
  symlinkSync(program, link);
  writeFileSync(join(manifests, 'orders.yaml'), `version: 1\nservice: /shop/orders\nexec: ${link}\n`);
  const manifest = (await readManifests(manifests)).get('orders')!;
  expect(manifest).toMatchObject({ exec: link, programPath: program });
  expect(await programChangeReason(manifest)).toBeUndefined();
  chmodSync(program, 0o777);
  expect(await programChangeReason(manifest)).toBe(
    `${program} must not be writable by all users; run chmod go-w ${program}`,
  );
  chmodSync(program, 0o755);
  const other = join(at, 'other');
  writeFileSync(other, '#!/bin/sh\n', { mode: 0o755 });
  unlinkSync(link);
  symlinkSync(other, link);
  expect(await programChangeReason(manifest)).toMatch(
    /^the real path of program .*current was .*orders when the manifest was read, and is .*other now;/,
  );
  unlinkSync(link);
  expect(await programChangeReason(manifest)).toMatch(/^ENOENT/);
});

test("trusts only files of root and of the server's user", () => {
  const facts = (change: Partial<FileFacts>): FileFacts => ({
    ...{ path: '/p', kind: 'file', owner: 0, mode: 0o100755 },
    ...change,
  });
  expect(trustProblem(facts({}), 1_000)).toBeUndefined();
  expect(trustProblem(facts({ owner: 1_000 }), 1_000)).toBeUndefined();
  expect(trustProblem(facts({ owner: 1_001 }), 1_000)).toMatch(
    /^\/p must be owned by root or by user 1000, which runs the server; got user 1001/,
  );
  expect(trustProblem(facts({ owner: 1_001 }), 0)).toMatch(/got user 1001/);
  expect(trustProblem(facts({ mode: 0o100757 }), 0)).toMatch(/by all users/);
  expect(trustProblem(facts({ mode: 0o100775 }), 0)).toMatch(/by the group of the file/);
  // Sticky, as /tmp.
  expect(trustProblem(facts({ kind: 'folder', mode: 0o041777 }), 1_000)).toBeUndefined();
  expect(trustProblem(facts({ kind: 'folder', mode: 0o041777, owner: 7 }), 1_000)).toMatch(/got user 7/);
  expect(programProblem([facts({}), facts({ path: '/', kind: 'folder', mode: 0o40777 })], 0)).toMatch(
    /^\/ must not be writable by all users/,
  );
});

test('finds a user by name or id, and only root can run programs as another user', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\nbroken\norders:x:1001:1002::/:/bin/false\n';
  expect(findUser('orders', passwd)).toEqual({ uid: 1_001, gid: 1_002 });
  expect(findUser(1_001, passwd)).toEqual({ uid: 1_001, gid: 1_002 });
  expect(findUser(7, passwd)).toEqual({ uid: 7, gid: 7 });
  expect(findUser('broken', passwd)).toBeUndefined();
  expect(runAsProblem('orders', { uid: 1_001, gid: 1_002 }, 0)).toBeUndefined();
  expect(runAsProblem('orders', { uid: 1_001, gid: 1_002 }, 1_001)).toBeUndefined();
  expect(runAsProblem('orders', { uid: 1_001, gid: 1_002 }, 1_000)).toMatch(
    /must be the user that runs the server, because only root can start programs as another user; got 'orders'/,
  );
});

test('a manifest that is read again follows a link, unless another user can change the link', async () => {
  const { at, program, manifests } = temporaryManifests();
  const [v1, v2, links] = ['v1', 'v2', 'links'].map((folder) => join(at, folder)) as [string, string, string];
  for (const folder of [v1, v2, links]) mkdirSync(folder, { mode: 0o755 });
  for (const folder of [v1, v2]) writeFileSync(join(folder, 'orders'), '#!/bin/sh\n', { mode: 0o755 });
  const current = join(links, 'current');
  symlinkSync(v1, current);
  unlinkSync(program);
  symlinkSync(join(current, 'orders'), program);
  const before = await readManifest(manifests, 'orders');
  expect(before.programPath).toBe(join(v1, 'orders'));
  unlinkSync(current);
  symlinkSync(v2, current);
  const after = await readManifest(manifests, 'orders');
  expect(after.programPath).toBe(join(v2, 'orders'));
  expect(manifestVersion(after, systemHashing)).not.toBe(manifestVersion(before, systemHashing));
  expect(manifestVersion(after, systemHashing).split('.')[0]).toBe(
    manifestVersion(before, systemHashing).split('.')[0],
  );
  chmodSync(links, 0o777);
  await expect(readManifest(manifests, 'orders')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(
      /symbolic link that another user can change: .*links must not be writable by all users/,
    ) as string,
  });
  chmodSync(links, 0o755);
  if (process.getuid?.() !== 0) return;
  lchownSync(current, 65_534, 65_534);
  await expect(readManifest(manifests, 'orders')).rejects.toThrow(
    /symbolic link that another user can change: .*current must be owned by root/,
  );
});

test('the version of a manifest changes with its fields, its working folder and its paths, not with comments', async () => {
  const { at, manifests } = temporaryManifests();
  const [v1, v2, current] = ['v1', 'v2', 'current'].map((folder) => join(at, folder)) as [
    string,
    string,
    string,
  ];
  for (const folder of [v1, v2]) mkdirSync(folder, { mode: 0o755 });
  const file = join(manifests, 'orders.yaml');
  const text = `version: 1\nservice: /shop/orders\nexec: ${join(at, 'orders')}\ncwd: ${current}\nargs: [${current}/main.js]\n`;
  const versionOf = async (target: string, more = ''): Promise<string> => {
    symlinkSync(target, current);
    writeFileSync(file, text + more, { mode: 0o644 });
    const version = manifestVersion(await readManifest(manifests, 'orders'), systemHashing);
    unlinkSync(current);
    return version;
  };
  const first = await versionOf(v1);
  expect(await versionOf(v1, '# a comment\n')).toBe(first);
  expect(await versionOf(v1, 'readyMs: 5000\n')).not.toBe(first);
  expect(await versionOf(v2)).not.toBe(first);
});

test('a FIFO, a folder or a device among the manifests is refused, and the reader does not wait for a writer', async () => {
  const { manifests } = temporaryManifests();
  execFileSync('mkfifo', [join(manifests, 'a.yaml')]);
  expect(await errorOf(manifests)).toBe(`Manifest ${join(manifests, 'a.yaml')} must be a regular file`);
  unlinkSync(join(manifests, 'a.yaml'));
  symlinkSync('/dev/zero', join(manifests, 'a.yaml'));
  expect(await errorOf(manifests)).toContain('must be a regular file');
  unlinkSync(join(manifests, 'a.yaml'));
  mkdirSync(join(manifests, 'a.yaml'));
  expect(await errorOf(manifests)).toMatch(/must be a regular file|EISDIR/);
});

describe('the script that an interpreter gets', () => {
  function scripted(args: readonly string[], more = '') {
    const { at, manifests } = temporaryManifests();
    const script = join(at, 'app.mjs');
    writeFileSync(script, '', { mode: 0o644 });
    const texts = args.map((arg) => arg.replace('SCRIPT', script));
    writeFileSync(
      join(manifests, 'orders.yaml'),
      `version: 1\nservice: /shop/orders\nexec: /usr/bin/env\nargs: ${JSON.stringify(texts)}\n${more}`,
      { mode: 0o644 },
    );
    return { at, manifests, script };
  }

  test.each([
    [[process.execPath, 'SCRIPT']],
    [[process.execPath, '--import', 'tsx', 'SCRIPT', '/data']],
    [[process.execPath, '--import=SCRIPT', '/bin/true']],
    [['NODE_ENV=production', process.execPath, '--enable-source-maps', 'SCRIPT', '--port=1']],
    [['/bin/sh', '-c', 'exec "$@"', 'sh', process.execPath, 'SCRIPT']],
  ])('%j must not be writable by other users', async (args) => {
    const { at, manifests, script } = scripted(args);
    expect(await errorOf(manifests)).toBe('nothing');
    chmodSync(script, 0o646);
    expect(await errorOf(manifests)).toBe(
      `${join(manifests, 'orders.yaml')}, line 3: exec must run a trusted script: ${script} must not be writable by all users; run chmod go-w ${script}`,
    );
    chmodSync(script, 0o644);
    // Files beside the script are loaded by many interpreters, so the sticky bit is not enough.
    chmodSync(at, 0o1777);
    expect(await errorOf(manifests)).toContain(`${at} must not be writable by all users`);
    chmodSync(at, 0o755);
    const manifest = await readManifest(manifests, 'orders');
    expect(await programChangeReason(manifest)).toBeUndefined();
    chmodSync(script, 0o664);
    expect(await programChangeReason(manifest)).toContain('must not be writable by the group of the file');
  });

  test('a relative script is found in the working folder, and one of a parameter at the start', async () => {
    const { at, manifests, script } = scripted([process.execPath, 'app.mjs'], 'cwd: FOLDER\n');
    const file = join(manifests, 'orders.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('FOLDER', at));
    chmodSync(script, 0o646);
    expect(await errorOf(manifests)).toContain('must run a trusted script');
    writeFileSync(
      file,
      `version: 1\nservice: /a\nexec: ${process.execPath}\nargs: ['\${file}']\nparams: { file: { type: string } }\n`,
    );
    const manifest = await readManifest(manifests, 'orders');
    expect(await programChangeReason(manifest, [script])).toContain('must not be writable by all users');
  });

  test.skipIf(process.getuid?.() !== 0)(
    'a script of another user is refused, unless the service runs as that user',
    async () => {
      const { manifests, script } = scripted([process.execPath, 'SCRIPT']);
      lchownSync(script, 12_345, 12_345);
      expect(await errorOf(manifests)).toContain(
        'must be owned by root or by user 0, which runs the server; got user 12345',
      );
      const other = scripted([process.execPath, 'SCRIPT'], 'user: 12345\n');
      lchownSync(other.script, 12_345, 12_345);
      expect(await errorOf(other.manifests)).toBe('nothing');
    },
  );

  test('an untrusted interpreter in the first line of a program is refused; a data file of any program is not', async () => {
    const { at, manifests, program } = temporaryManifests(`args: ['${join('AT', 'data')}']\n`);
    const interpreter = join(at, 'interpreter');
    writeFileSync(interpreter, '', { mode: 0o757 });
    chmodSync(interpreter, 0o757);
    writeFileSync(program, `#!${interpreter} -x\n`);
    expect(await errorOf(manifests)).toContain(`${interpreter} must not be writable by all users`);
    writeFileSync(program, '#!/bin/sh\n');
    writeFileSync(join(at, 'data'), '');
    chmodSync(join(at, 'data'), 0o666);
    const file = join(manifests, 'orders.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('AT', at));
    expect(await errorOf(manifests)).toBe('nothing');
  });
});
