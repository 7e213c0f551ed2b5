import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { effectiveUid, fileFacts, pathFacts } from './file-facts.js';
import { scriptFileProblem } from './file-trust.js';
import type { Manifest } from './manifest.js';

/** Names of interpreters, which run a file from their arguments, and of programs that start another program. */
const interpreters =
  /^(node(js)?|deno|bun|tsx|ts-node|python|pypy|ruby|perl|php|lua|luajit|(ba|da|z|k|a|fi)?sh|busybox|java|dotnet|Rscript|tclsh|guile|erl|escript|elixir|pwsh|g?awk|env|nice|ionice|nohup|timeout|stdbuf|setsid|setpriv|taskset|numactl|chrt|chroot|unshare|sudo|su|tini|dumb-init)[0-9.-]*$/;

/** Number of bytes that Linux reads of a `#!` line. */
const interpreterLineBytes = 256;

export type ScriptManifest = Pick<Manifest, 'programPath' | 'cwd' | 'runAs'>;

/**
 * Returns why another user can change the interpreter in the `#!` line of a program, or a script in its arguments;
 * undefined if no other user can. The user of the service may own its scripts.
 *
 * @param args - arguments of the program; arguments with placeholders are ignored
 * @see [A20](../../../docs/guarantees.md#a20)
 */
export async function scriptProblem(
  { programPath, cwd, runAs }: ScriptManifest,
  args: readonly string[],
): Promise<string | undefined> {
  const files = [...(await interpreterOf(programPath)), ...(await scriptsOf(programPath, args, cwd))];
  for (const file of files) {
    const problem = scriptFileProblem(await pathFacts(file), effectiveUid(), runAs?.uid);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

async function interpreterOf(program: string): Promise<readonly string[]> {
  const line = await firstLine(program);
  const [interpreter = ''] = line?.startsWith('#!') === true ? line.slice(2).trim().split(/\s+/) : [];
  const path = interpreter.startsWith('/') ? await existingFile(interpreter) : undefined;
  return path === undefined ? [] : [path];
}

/**
 * Returns the files in the arguments, up to the first file that is neither an interpreter nor the value of an option.
 * That file is the script.
 */
async function scriptsOf(program: string, args: readonly string[], cwd: string): Promise<readonly string[]> {
  const files: string[] = [];
  if (!interpreters.test(basename(program))) return files;
  for (const [index, arg] of args.entries()) {
    const isOption = arg.startsWith('-');
    const text = isOption ? arg.slice(arg.indexOf('=') + 1 || arg.length) : arg;
    if (text === '' || text.includes('${')) continue;
    const file = await existingFile(resolve(cwd, text));
    if (file === undefined) continue;
    files.push(file);
    const before = args[index - 1] ?? '';
    const isOptionValue = isOption || (before.startsWith('-') && before !== '-jar' && !before.includes('='));
    if (!isOptionValue && !interpreters.test(basename(file))) break;
  }
  return files;
}

/** Returns the real path of a regular file; undefined if it does not exist. */
async function existingFile(path: string): Promise<string | undefined> {
  const file = await realpath(path).catch(() => undefined);
  const facts = file === undefined ? undefined : await fileFacts(file).catch(() => undefined);
  return facts?.kind === 'file' ? file : undefined;
}

/** Returns the first line of a file; undefined if it cannot be read. Does not wait for the writer of a FIFO. */
export async function firstLine(path: string): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const buffer = Buffer.alloc(interpreterLineBytes);
    const { bytesRead } = await file.read(buffer, 0, interpreterLineBytes, 0);
    return buffer.toString('latin1', 0, bytesRead).split('\n', 1)[0];
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}
