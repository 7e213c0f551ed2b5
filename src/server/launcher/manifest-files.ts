/**
 * The launcher's door to files: reads the operator's manifests and looks at the programs they name. Files that somebody
 * else than the operator could have written are refused.
 */
import { open, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClerkError, errorMessage } from '../../core/errors.js';
import { runAsProblem, findUser } from './run-as-user.js';
import { manifestName, parseManifest, type Manifest, type ParsedManifest } from './manifest.js';
import { programProblem, trustProblem, type FileFacts } from './file-trust.js';

const maxManifestBytes = 64 * 1024;

/**
 * Reads every `NAME.yaml` of a folder, once.
 *
 * @returns the manifests, by name
 * @throws ClerkError `CONFIG_INVALID`, naming the file, and the line and field where there is one
 * @see promises A20, A23
 */
export async function readManifests(folder: string): Promise<ReadonlyMap<string, Manifest>> {
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
 * Looks at a manifest's program again, as before each start.
 *
 * @returns why it cannot be run any more, or undefined
 */
export async function programChangeReason(manifest: Manifest): Promise<string | undefined> {
  try {
    const program = await realpath(manifest.exec);
    if (program !== manifest.programPath)
      return `${manifest.exec} was ${manifest.programPath} when the server started and is ${program} now; start the server again if that is right`;
    return programProblem(await pathFacts(program), effectiveUid());
  } catch (error) {
    return errorMessage(error);
  }
}

async function manifestFileNames(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder);
    return entries.filter((name) => name.endsWith('.yaml') && !name.startsWith('.')).sort();
  } catch (error) {
    throw configError(`The folder of manifests cannot be read: ${errorMessage(error)}`, error);
  }
}

async function readManifestFile(path: string): Promise<string> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw configError(`Manifest ${path} cannot be read: ${errorMessage(error)}`, error);
  });
  try {
    // What is open is what is looked at.
    const facts = await file.stat();
    if (!facts.isFile()) throw configError(`Manifest ${path} is no regular file`);
    if (facts.size > maxManifestBytes)
      throw configError(`Manifest ${path} is larger than ${String(maxManifestBytes)} bytes`);
    await checkTrusted(path, { path, kind: 'file', owner: facts.uid, mode: facts.mode });
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function checkTrusted(path: string, facts: FileFacts | undefined): Promise<void> {
  const problem = facts ? trustProblem(facts, effectiveUid()) : `${path} is not there`;
  if (problem !== undefined) throw configError(`Manifests of others are not followed: ${problem}`);
}

/** Adds what only the host can tell. */
async function completeManifest(parsed: ParsedManifest): Promise<Manifest> {
  const { exec, cwd } = parsed;
  const program = await realpath(exec).catch((error: unknown) => {
    throw manifestError(parsed, 'exec', `cannot be found: ${errorMessage(error)}`);
  });
  const problem = programProblem(await pathFacts(program), effectiveUid());
  if (problem !== undefined) throw manifestError(parsed, 'exec', `cannot be used: ${problem}`);
  const workingFolder = await fileFacts(cwd).catch(() => undefined);
  if (workingFolder?.kind !== 'folder') throw manifestError(parsed, 'cwd', `is ${cwd}, which is no folder`);
  return Object.freeze({ ...parsed, programPath: program, runAs: await resolveUser(parsed) });
}

async function resolveUser(parsed: ParsedManifest): Promise<Manifest['runAs']> {
  const { user } = parsed;
  if (user === undefined) return undefined;
  const ownUid = effectiveUid();
  const ids = findUser(user, await readFile('/etc/passwd', 'utf8').catch(() => ''));
  const problem = runAsProblem(user, ids, ownUid);
  if (problem !== undefined) throw manifestError(parsed, 'user', problem);
  // Whoever is that user already need not, and could not, become it.
  return ownUid === 0 ? ids : undefined;
}

function manifestError(
  { file, fieldLines }: ParsedManifest,
  field: keyof ParsedManifest['fieldLines'],
  problem: string,
): ClerkError {
  return configError(`${file}, line ${String(fieldLines[field])}: ${field} ${problem}`);
}

/** A program, and every folder on the way to it. */
async function pathFacts(program: string): Promise<readonly FileFacts[]> {
  const chain = [program];
  for (let path = program; path !== dirname(path); path = dirname(path)) chain.push(dirname(path));
  return Promise.all(chain.map(fileFacts));
}

async function fileFacts(path: string): Promise<FileFacts> {
  const facts = await stat(path);
  const kind = facts.isFile() ? 'file' : facts.isDirectory() ? 'folder' : 'other';
  return { path, kind, owner: facts.uid, mode: facts.mode };
}

function effectiveUid(): number | undefined {
  return process.geteuid?.();
}

function configError(message: string, cause?: unknown): ClerkError {
  return new ClerkError('CONFIG_INVALID', message, cause === undefined ? {} : { cause });
}
