/**
 * The launcher's door to files: reads the operator's manifests and looks at the programs they name. Files that somebody
 * else than the operator could have written are refused.
 */
import { open, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClerkError, reasonOf } from '../../core/errors.js';
import { accountFault, accountOf } from './account.js';
import { manifestName, parseManifest, type Manifest, type ManifestText } from './manifest.js';
import { programFault, trustFault, type FileFacts } from './trust.js';

const mostBytes = 64 * 1024;

/**
 * Reads every `NAME.yaml` of a folder, once.
 *
 * @returns the manifests, by name
 * @throws ClerkError `CONFIG_INVALID`, naming the file, and the line and field where there is one
 * @see promises A20, A23
 */
export async function readManifests(folder: string): Promise<ReadonlyMap<string, Manifest>> {
  const files = await names(folder);
  await trusted(folder, await factsOf(folder).catch(() => undefined));
  const manifests = new Map<string, Manifest>();
  for (const file of files) {
    const path = join(folder, file);
    manifests.set(manifestName(file), await settled(parseManifest(path, await textOf(path))));
  }
  return manifests;
}

/**
 * Looks at a manifest's program again, as before each start.
 *
 * @returns why it cannot be run any more, or undefined
 */
export async function programChange(manifest: Manifest): Promise<string | undefined> {
  try {
    const program = await realpath(manifest.exec);
    if (program !== manifest.program)
      return `${manifest.exec} was ${manifest.program} when the server started and is ${program} now; start the server again if that is right`;
    return programFault(await chainOf(program), ownUser());
  } catch (error) {
    return reasonOf(error);
  }
}

async function names(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder);
    return entries.filter((name) => name.endsWith('.yaml') && !name.startsWith('.')).sort();
  } catch (error) {
    throw invalid(`The folder of manifests cannot be read: ${reasonOf(error)}`, error);
  }
}

async function textOf(path: string): Promise<string> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw invalid(`Manifest ${path} cannot be read: ${reasonOf(error)}`, error);
  });
  try {
    // What is open is what is looked at.
    const facts = await file.stat();
    if (!facts.isFile()) throw invalid(`Manifest ${path} is no regular file`);
    if (facts.size > mostBytes) throw invalid(`Manifest ${path} is larger than ${String(mostBytes)} bytes`);
    await trusted(path, { path, kind: 'file', owner: facts.uid, mode: facts.mode });
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function trusted(path: string, facts: FileFacts | undefined): Promise<void> {
  const fault = facts ? trustFault(facts, ownUser()) : `${path} is not there`;
  if (fault !== undefined) throw invalid(`Manifests of others are not followed: ${fault}`);
}

/** Adds what only the host can tell. */
async function settled(text: ManifestText): Promise<Manifest> {
  const { exec, cwd } = text;
  const program = await realpath(exec).catch((error: unknown) => {
    throw wrong(text, 'exec', `cannot be found: ${reasonOf(error)}`);
  });
  const fault = programFault(await chainOf(program), ownUser());
  if (fault !== undefined) throw wrong(text, 'exec', `cannot be used: ${fault}`);
  const place = await factsOf(cwd).catch(() => undefined);
  if (place?.kind !== 'folder') throw wrong(text, 'cwd', `is ${cwd}, which is no folder`);
  return Object.freeze({ ...text, program, account: await accountIn(text) });
}

async function accountIn(text: ManifestText): Promise<Manifest['account']> {
  const { user } = text;
  if (user === undefined) return undefined;
  const own = ownUser();
  const account = accountOf(user, await readFile('/etc/passwd', 'utf8').catch(() => ''));
  const fault = accountFault(user, account, own);
  if (fault !== undefined) throw wrong(text, 'user', fault);
  // Whoever is that user already need not, and could not, become it.
  return own === 0 ? account : undefined;
}

function wrong({ file, lines }: ManifestText, field: keyof ManifestText['lines'], what: string): ClerkError {
  return invalid(`${file}, line ${String(lines[field])}: ${field} ${what}`);
}

/** A program, and every folder on the way to it. */
async function chainOf(program: string): Promise<readonly FileFacts[]> {
  const chain = [program];
  for (let path = program; path !== dirname(path); path = dirname(path)) chain.push(dirname(path));
  return Promise.all(chain.map(factsOf));
}

async function factsOf(path: string): Promise<FileFacts> {
  const facts = await stat(path);
  const kind = facts.isFile() ? 'file' : facts.isDirectory() ? 'folder' : 'other';
  return { path, kind, owner: facts.uid, mode: facts.mode };
}

function ownUser(): number | undefined {
  return process.geteuid?.();
}

function invalid(message: string, cause?: unknown): ClerkError {
  return new ClerkError('CONFIG_INVALID', message, cause === undefined ? {} : { cause });
}
