import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.js';
import { runAsProblem, findUser } from '../../../src/server/launcher/run-as-user.js';
import { programChangeReason, readManifests } from '../../../src/server/launcher/manifest-files.js';
import { programProblem, trustProblem, type FileFacts } from '../../../src/server/launcher/file-trust.js';

/** A folder with a program and a manifest for it. */
function folder(more = ''): { readonly at: string; readonly program: string; readonly manifests: string } {
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

async function fault(manifests: string): Promise<string> {
  return readManifests(manifests).then(
    () => 'nothing',
    (error: unknown) => {
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
      return errorMessage(error);
    },
  );
}

test('reads every manifest of a folder, by name', async () => {
  const { manifests, program } = folder();
  writeFileSync(join(manifests, 'README.md'), 'not one', { mode: 0o644 });
  const all = await readManifests(manifests);
  expect([...all.keys()]).toEqual(['orders']);
  expect(all.get('orders')).toMatchObject({ exec: program, program, account: undefined, cwd: '/' });
});

test('what cannot be used is told with file, line and field', async () => {
  const { at, manifests, program } = folder();
  const file = join(manifests, 'orders.yaml');
  chmodSync(program, 0o644);
  expect(await fault(manifests)).toBe(
    `${file}, line 3: exec cannot be used: ${program} is not executable; make it so with chmod +x`,
  );
  chmodSync(program, 0o775);
  expect(await fault(manifests)).toBe(
    `${file}, line 3: exec cannot be used: ${program} can be written by its group; take that away with chmod go-w`,
  );
  chmodSync(program, 0o755);
  chmodSync(at, 0o777);
  expect(await fault(manifests)).toMatch(/line 3: exec cannot be used: .* can be written by everybody/);
  chmodSync(at, 0o700);
  unlinkSync(program);
  expect(await fault(manifests)).toMatch(/orders\.yaml, line 3: exec cannot be found: ENOENT/);
  mkdirSync(program);
  expect(await fault(manifests)).toMatch(/line 3: exec cannot be used: .* is no regular file/);
});

test('a folder or a user that is not there is refused', async () => {
  const noCwd = folder('cwd: /no/such/folder\n');
  expect(await fault(noCwd.manifests)).toMatch(/line 4: cwd is \/no\/such\/folder, which is no folder/);
  const noUser = folder('\nuser: nobody-of-that-name\n');
  expect(await fault(noUser.manifests)).toMatch(
    /line 5: user is 'nobody-of-that-name', who is not in \/etc\/passwd; write the number/,
  );
  expect(await fault('/no/such/folder')).toMatch(/^The folder of manifests cannot be read: ENOENT/);
});

test('manifests that others could have written are not followed', async () => {
  const { manifests } = folder();
  chmodSync(join(manifests, 'orders.yaml'), 0o666);
  expect(await fault(manifests)).toMatch(
    /^Manifests of others are not followed: .*orders\.yaml can be written by/,
  );
  chmodSync(join(manifests, 'orders.yaml'), 0o644);
  chmodSync(manifests, 0o777);
  expect(await fault(manifests)).toMatch(
    /^Manifests of others are not followed: .*manifests can be written by/,
  );
});

test('a manifest has at most 64 KiB', async () => {
  const { manifests } = folder(`#${'x'.repeat(70_000)}\n`);
  expect(await fault(manifests)).toMatch(/is larger than 65536 bytes/);
});

test('a link is followed once; one that leads elsewhere later is refused', async () => {
  const { at, manifests, program } = folder();
  const link = join(at, 'current');
  symlinkSync(program, link);
  writeFileSync(join(manifests, 'orders.yaml'), `version: 1\nservice: /shop/orders\nexec: ${link}\n`);
  const manifest = (await readManifests(manifests)).get('orders')!;
  expect(manifest).toMatchObject({ exec: link, program });
  expect(await programChangeReason(manifest)).toBeUndefined();
  chmodSync(program, 0o777);
  expect(await programChangeReason(manifest)).toBe(
    `${program} can be written by everybody; take that away with chmod go-w`,
  );
  chmodSync(program, 0o755);
  const other = join(at, 'other');
  writeFileSync(other, '#!/bin/sh\n', { mode: 0o755 });
  unlinkSync(link);
  symlinkSync(other, link);
  expect(await programChangeReason(manifest)).toMatch(
    /current was .*orders when the server started and is .*other now/,
  );
  unlinkSync(link);
  expect(await programChangeReason(manifest)).toMatch(/^ENOENT/);
});

test('only root and the own user are relied on', () => {
  const facts = (change: Partial<FileFacts>): FileFacts => ({
    ...{ path: '/p', kind: 'file', owner: 0, mode: 0o100755 },
    ...change,
  });
  expect(trustProblem(facts({}), 1_000)).toBeUndefined();
  expect(trustProblem(facts({ owner: 1_000 }), 1_000)).toBeUndefined();
  expect(trustProblem(facts({ owner: 1_001 }), 1_000)).toMatch(
    /^\/p belongs to user 1001; let it belong to root/,
  );
  expect(trustProblem(facts({ owner: 1_001 }), 0)).toMatch(/belongs to user 1001/);
  expect(trustProblem(facts({ mode: 0o100757 }), 0)).toMatch(/by everybody/);
  expect(trustProblem(facts({ mode: 0o100775 }), 0)).toMatch(/by its group/);
  // As /tmp is.
  expect(trustProblem(facts({ kind: 'folder', mode: 0o041777 }), 1_000)).toBeUndefined();
  expect(trustProblem(facts({ kind: 'folder', mode: 0o041777, owner: 7 }), 1_000)).toMatch(
    /belongs to user 7/,
  );
  expect(programProblem([facts({}), facts({ path: '/', kind: 'folder', mode: 0o40777 })], 0)).toMatch(
    /^\/ can be written by everybody/,
  );
});

test('a user is found by name or number, and only root becomes another', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\nbroken\norders:x:1001:1002::/:/bin/false\n';
  expect(findUser('orders', passwd)).toEqual({ uid: 1_001, gid: 1_002 });
  expect(findUser(1_001, passwd)).toEqual({ uid: 1_001, gid: 1_002 });
  expect(findUser(7, passwd)).toEqual({ uid: 7, gid: 7 });
  expect(findUser('broken', passwd)).toBeUndefined();
  expect(runAsProblem('orders', { uid: 1_001, gid: 1_002 }, 0)).toBeUndefined();
  expect(runAsProblem('orders', { uid: 1_001, gid: 1_002 }, 1_001)).toBeUndefined();
  expect(runAsProblem('orders', { uid: 1_001, gid: 1_002 }, 1_000)).toMatch(
    /only a server that runs as root/,
  );
});
