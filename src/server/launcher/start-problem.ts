import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { errorMessage } from '../../core/errors.js';
import type { Manifest } from './manifest.js';
import { firstLine } from './script-trust.js';

type StartedManifest = Pick<Manifest, 'file' | 'cwd' | 'programPath' | 'runAs'>;

/**
 * Returns why an existing program cannot be started; undefined if no problem was found. Needed because the operating
 * system reports a missing working folder or interpreter as a missing program.
 *
 * @param searchPath - value of the variable `PATH` of the program
 */
export async function startProblem(
  manifest: StartedManifest,
  searchPath: string,
): Promise<string | undefined> {
  return (await folderProblem(manifest)) ?? (await interpreterProblem(manifest.programPath, searchPath));
}

async function folderProblem({ cwd, file, runAs }: StartedManifest): Promise<string | undefined> {
  const fix = `or change cwd in ${basename(file)}`;
  try {
    const facts = await stat(cwd);
    if (!facts.isDirectory())
      return `the working folder ${cwd} is not a folder; replace ${cwd} by a folder, ${fix}`;
    if (runAs === undefined) await access(cwd, constants.X_OK);
    else if (!mayEnter(facts, runAs))
      return `user ${runAs.uid} cannot enter the working folder ${cwd}; give the user the execute permission on the folder, ${fix}`;
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return `the working folder ${cwd} does not exist; create the folder, ${fix}`;
    if (code === 'EACCES')
      return `the server cannot enter the working folder ${cwd}; give the user of the server the execute permission on the folder, ${fix}`;
    return `the working folder ${cwd} cannot be used: ${errorMessage(error)}`;
  }
}

function mayEnter(
  { mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number },
  user: NonNullable<Manifest['runAs']>,
): boolean {
  if (user.uid === 0) return true;
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
  return ((mode >> shift) & 1) === 1;
}

async function interpreterProblem(program: string, searchPath: string): Promise<string | undefined> {
  const line = await firstLine(program);
  if (!line?.startsWith('#!')) return undefined;
  if (line.endsWith('\r'))
    return `the first line of ${program} ends with a carriage return, which the system reads as part of the name of the interpreter; save the file with line feeds only`;
  const [interpreter = '', argument = ''] = line.slice(2).trim().split(/\s+/);
  const fix = `install the interpreter, or correct the first line of ${program}`;
  if (!(await isExecutable(interpreter)))
    return `the interpreter ${interpreter} of ${program} does not exist or is not executable; ${fix}`;
  if (basename(interpreter) !== 'env' || argument === '' || /^-|[/=]/.test(argument)) return undefined;
  for (const folder of searchPath.split(':'))
    if (await isExecutable(`${folder}/${argument}`)) return undefined;
  return `the interpreter ${argument} of ${program} is not in the PATH of the service, which is ${searchPath}; ${fix}, or pass PATH in env of the manifest`;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
