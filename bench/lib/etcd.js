/**
 * etcd as a peer, over its JSON gateway. Uses the installed program, or one unpacked from Debian's package `etcd-server`
 * for this run. Rows omit etcd when neither is available.
 */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Child } from './child-process.js';
import { temporaryFolder } from './temporary-folder.js';

const run = promisify(execFile);

/** Process ids of running etcds; killed when this process exits, also when their runner has crashed. */
const runningPids = new Set();
process.on('exit', () => {
  for (const pid of runningPids) kill(pid);
});

/**
 * @param {import('./context.js').Context} context
 * @param {string} folder - for the data of etcd
 */
export async function startEtcd(context, folder) {
  const program = await context.once('etcd', () => findProgram(context));
  const runner = new Child('processes/etcd-runner.js');
  try {
    const { pid, port } = await runner.call('start', { program, folder });
    runningPids.add(pid);
    void runner.exited.then(() => (kill(pid), runningPids.delete(pid)));
    return { pid, port, runner };
  } catch (error) {
    await runner.end();
    throw error;
  }
}

/** The version that the program prints. @param {import('./context.js').Context} context */
export async function etcdVersion(context) {
  const { stdout } = await run(await context.once('etcd', () => findProgram(context)), ['--version']);
  return /etcd Version: (\S+)/.exec(stdout)?.[1] ?? 'of unknown version';
}

/** @param {import('./context.js').Context} context */
async function findProgram(context) {
  try {
    await run('etcd', ['--version']);
    return 'etcd';
  } catch {
    context.log('etcd is not installed; downloading the package etcd-server');
  }
  const { path } = temporaryFolder();
  try {
    await run('apt-get', ['download', 'etcd-server'], { cwd: path, timeout: 60_000 });
    const file = (await readdir(path)).find((name) => name.endsWith('.deb')) ?? '';
    await run('dpkg-deb', ['-x', file, '.'], { cwd: path });
    const program = join(path, 'usr/bin/etcd');
    await run(program, ['--version']);
    return program;
  } catch {
    throw new Error('etcd must be installed or available from apt-get');
  }
}

/** @param {number} pid */
function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has exited.
  }
}

/** Encodes a key or a value for the gateway. @param {string} text */
export const base64 = (text) => Buffer.from(text).toString('base64');

/** The exclusive end of the range of all keys with a prefix. @param {string} prefix */
export const prefixEnd = (prefix) =>
  base64(prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1));
