import { constants } from 'node:fs';
import { lstat, open, readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { ClerkError, errorMessage, isClerkError, configError } from '../../core/errors.js';
import { effectiveUid, fileFacts, pathFacts } from './file-facts.js';
import { runAsProblem, findUser } from './run-as-user.js';
import { manifestName, parseManifest, type Manifest, type ParsedManifest } from './manifest.js';
import { scriptProblem } from './script-trust.js';
import { programProblem, trustProblem, type FileFacts } from './file-trust.js';

const maxManifestBytes = 64 * 1024;

/**
 * Reads every `NAME.yaml` and `NAME.yml` of a folder. Rejects manifests and programs that another user can change.
 *
 * @returns the manifests by name
 * @throws {@link ClerkError} `CONFIG_INVALID`, with the file or folder in the message; for an invalid field, also
 *   with line and field
 * @see [A20](../../../docs/guarantees.md#a20), [A23](../../../docs/guarantees.md#a23)
 */
export async function readManifests(folder: string): Promise<Map<string, Manifest>> {
  const files = await manifestFileNames(folder);
  await checkTrusted(folder, await fileFacts(folder).catch(() => undefined));
  const manifests = new Map<string, Manifest>();
  for (const file of files) {
    const path = join(folder, file);
    manifests.set(
      manifestName(file),
      await completeManifest(parseManifest(path, await readManifestFile(path))),
    );
  }
  return manifests;
}

/**
 * Reads one manifest again while the server runs. A program path with symbolic links is accepted only if no other
 * user can change the links. A start of the server counts as a confirmation of the link targets by the operator; a
 * reload does not.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID`
 * @see [A20](../../../docs/guarantees.md#a20), [A23](../../../docs/guarantees.md#a23)
 */
export async function readManifest(folder: string, name: string): Promise<Manifest> {
  await checkTrusted(folder, await fileFacts(folder).catch(() => undefined));
  const file = (await manifestFileNames(folder)).find((each) => manifestName(each) === name);
  const path = join(folder, file ?? `${name}.yaml`);
  const manifest = await completeManifest(parseManifest(path, await readManifestFile(path)));
  const problem = await linkProblem(manifest.exec);
  if (problem !== undefined)
    throw manifestError(
      manifest,
      'exec',
      `must not have a symbolic link that another user can change: ${problem}, or restart the server to accept the present target of the link`,
    );
  return manifest;
}

/** Returns why another user can change a symbolic link in a path; undefined if no other user can. */
async function linkProblem(path: string): Promise<string | undefined> {
  let rest = path.split('/').filter(Boolean);
  let current = '/';
  while (rest.length > 0) {
    const next = join(current, rest.shift() ?? '');
    const target = await readlink(next).catch(() => undefined);
    if (target === undefined) {
      current = next;
      continue;
    }
    const { uid } = await lstat(next);
    const link: FileFacts = { path: next, kind: 'other', owner: uid, mode: 0 };
    for (const facts of [link, ...(await pathFacts(current))]) {
      const problem = trustProblem(facts, effectiveUid());
      if (problem !== undefined) return problem;
    }
    rest = [...target.split('/').filter(Boolean), ...rest];
    if (target.startsWith('/')) current = '/';
  }
  return undefined;
}

/**
 * Checks a program again, because it may have changed since the manifest was read. Returns why it must not run;
 * undefined when it may.
 *
 * @param args - arguments in which parameters are replaced by their values
 */
export async function programChangeReason(
  manifest: Manifest,
  args: readonly string[] = manifest.args,
): Promise<string | undefined> {
  try {
    const program = await realpath(manifest.exec);
    if (program !== manifest.programPath)
      return `the real path of program ${manifest.exec} was ${manifest.programPath} when the manifest was read, and is ${program} now; if the change is intended, run clerk reset or restart the server`;
    return programProblem(await pathFacts(program), effectiveUid()) ?? (await scriptProblem(manifest, args));
  } catch (error) {
    return errorMessage(error);
  }
}

async function manifestFileNames(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder);
    const files = entries.filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.')).sort();
    const names = files.map(manifestName);
    const twice = files.find((_, index) => names.indexOf(names[index] as string) !== index);
    if (twice === undefined) return files;
    throw new ClerkError(
      'CONFIG_INVALID',
      `Manifest folder ${folder} must have one file for each manifest; got ${manifestName(twice)}.yaml and ${manifestName(twice)}.yml; remove one of them`,
    );
  } catch (error) {
    if (isClerkError(error)) throw error;
    throw configError(`Manifest folder ${folder} cannot be read: ${errorMessage(error)}`, error);
  }
}

async function readManifestFile(path: string): Promise<string> {
  // With O_NONBLOCK, opening a FIFO does not wait for a writer.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: unknown) => {
    throw configError(`Manifest ${path} cannot be read: ${errorMessage(error)}`, error);
  });
  try {
    // The checks and the read use the same open file, so replacing the file in between has no effect.
    const facts = await file.stat();
    if (!facts.isFile()) throw configError(`Manifest ${path} must be a regular file`);
    if (facts.size > maxManifestBytes)
      throw configError(`Manifest ${path} must be at most ${maxManifestBytes} bytes; got ${facts.size}`);
    await checkTrusted(path, { path, kind: 'file', owner: facts.uid, mode: facts.mode });
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function checkTrusted(path: string, facts: FileFacts | undefined): Promise<void> {
  const problem = facts ? trustProblem(facts, effectiveUid()) : `${path} does not exist`;
  if (problem !== undefined)
    throw configError(
      `Manifests and their folder must exist, and be writable only by root and the user who runs the server: ${problem}`,
    );
}

/** Checks the paths and the user of a manifest, and adds the real paths and the user ids. */
async function completeManifest(parsed: ParsedManifest): Promise<Manifest> {
  const { exec, cwd } = parsed;
  const program = await realpath(exec).catch((error: unknown) => {
    throw manifestError(parsed, 'exec', `must be an existing program: ${errorMessage(error)}`);
  });
  const problem = programProblem(await pathFacts(program), effectiveUid());
  if (problem !== undefined) throw manifestError(parsed, 'exec', `must be a trusted program: ${problem}`);
  const workingFolder = await fileFacts(cwd).catch(() => undefined);
  if (workingFolder?.kind !== 'folder')
    throw manifestError(parsed, 'cwd', `must be an existing folder; got ${cwd}`);
  const runAs = await resolveUser(parsed);
  const fault = await scriptProblem({ programPath: program, cwd, runAs }, parsed.args);
  if (fault !== undefined) throw manifestError(parsed, 'exec', `must run a trusted script: ${fault}`);
  const paths = [cwd, ...parsed.args.filter((arg) => arg.startsWith('/'))];
  return Object.freeze({
    ...parsed,
    programPath: program,
    runAs,
    // An argument that is not the path of an existing file stays unchanged.
    realPaths: await Promise.all(paths.map((path) => realpath(path).catch(() => path))),
  });
}

async function resolveUser(parsed: ParsedManifest): Promise<Manifest['runAs']> {
  const { user } = parsed;
  if (user === undefined) return undefined;
  const ownUid = effectiveUid();
  const ids = findUser(user, await readFile('/etc/passwd', 'utf8').catch(() => ''));
  const problem = runAsProblem(user, ids, ownUid);
  if (problem !== undefined) throw manifestError(parsed, 'user', problem);
  // If the server does not run as root, `runAsProblem` has rejected every user except the user of the server, so the
  // program runs as this user without a change of the user id.
  return ownUid === 0 ? ids : undefined;
}

function manifestError(
  { file, fieldLines }: ParsedManifest,
  field: keyof ParsedManifest['fieldLines'],
  problem: string,
): ClerkError {
  return configError(`${file}, line ${fieldLines[field]}: ${field} ${problem}`);
}
