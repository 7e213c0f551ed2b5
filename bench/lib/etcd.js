/**
 * etcd as a peer, over its JSON gateway: one that is installed, or else the one of Debian's packages, which is fetched and
 * unpacked for the run alone. Nothing is installed, and where it cannot be had the rows go without it.
 */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Child } from './children.js';
import { newFolder } from './folders.js';

const run = promisify(execFile);

/** Process ids of the etcds that run, ended with this process whatever happens to those that keep them. */
const alive = new Set();
process.on('exit', () => {
  for (const pid of alive) kill(pid);
});

/**
 * @param {import('./context.js').Context} context
 * @param {string} folder - for its data
 */
export async function startEtcd(context, folder) {
  const program = await context.once('etcd', () => programOf(context));
  const keeper = new Child('./etcd-keeper.js');
  try {
    const { pid, port } = await keeper.ask('start', { program, folder });
    alive.add(pid);
    void keeper.gone.then(() => (kill(pid), alive.delete(pid)));
    return { pid, port, keeper };
  } catch (error) {
    await keeper.end();
    throw error;
  }
}

/** Its version, as it says. @param {import('./context.js').Context} context */
export async function etcdVersion(context) {
  const { stdout } = await run(await context.once('etcd', () => programOf(context)), ['--version']);
  return /etcd Version: (\S+)/.exec(stdout)?.[1] ?? 'of an unknown version';
}

/** @param {import('./context.js').Context} context */
async function programOf(context) {
  try {
    await run('etcd', ['--version']);
    return 'etcd';
  } catch {
    context.log('no etcd is installed; trying the package etcd-server');
  }
  const { path } = newFolder();
  try {
    await run('apt-get', ['download', 'etcd-server'], { cwd: path, timeout: 60_000 });
    const file = (await readdir(path)).find((name) => name.endsWith('.deb')) ?? '';
    await run('dpkg-deb', ['-x', file, '.'], { cwd: path });
    const program = join(path, 'usr/bin/etcd');
    await run(program, ['--version']);
    return program;
  } catch {
    throw new Error('etcd is neither installed nor to be had with apt-get');
  }
}

/** @param {number} pid */
function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone.
  }
}

/** How the gateway writes keys and values. @param {string} text */
export const base64 = (text) => Buffer.from(text).toString('base64');

/** The end of a range over all keys that begin with a text. @param {string} prefix */
export const endOf = (prefix) =>
  base64(prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1));
