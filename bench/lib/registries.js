/** The servers that keep names, ours and the peers': each started in a process of its own, over a folder that is removed with it. */
import { join } from 'node:path';
import { Child } from './children.js';
import { startEtcd } from './etcd.js';
import { newFolder } from './folders.js';
import { undici } from './subject.js';

/**
 * @typedef {object} Running
 * @property {number} port
 * @property {string} origin
 * @property {number} pid
 * @property {import('undici').Pool} pool - for what is not measured
 * @property {() => Promise<void>} end
 */

/**
 * The reference server; with `durable` over a folder, else in memory.
 *
 * @param {import('./context.js').Context} context
 * @param {{ durable?: boolean, options?: object, execArgv?: string[] }} [how]
 * @returns {Promise<Running & { child: Child }>}
 */
export async function startOurs({ subject }, { durable = false, options = {}, execArgv = [] } = {}) {
  const folder = durable ? newFolder() : undefined;
  const child = new Child('./registry.js', { execArgv });
  try {
    const data = folder === undefined ? {} : { data: join(folder.path, 'data') };
    const { url, port } = await child.ask('start', { subject, options: { ...data, ...options } });
    return { ...running(child, port, folder), origin: url, child };
  } catch (error) {
    await child.end();
    folder?.remove();
    throw error;
  }
}

/**
 * A bare node:http server over a Map with these answers: what is possible on this platform at all.
 *
 * @param {Record<string, string>} answers - JSON by name
 * @returns {Promise<Running>}
 */
export async function startMap(answers) {
  const child = new Child('../peers/map-server.js');
  try {
    return running(child, await child.ask('start', { answers }));
  } catch (error) {
    await child.end();
    throw error;
  }
}

/**
 * etcd, or why there is none.
 *
 * @param {import('./context.js').Context} context
 * @returns {Promise<Running | string>}
 */
export async function etcdOrWhy(context) {
  const folder = newFolder();
  try {
    const { port, pid, keeper } = await startEtcd(context, folder.path);
    const rest = running(keeper, port, folder);
    const end = async () => {
      await keeper.ask('stop').catch(() => undefined);
      await rest.end();
    };
    return { ...rest, pid, end };
  } catch (error) {
    folder.remove();
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * @param {Child} child
 * @param {number} port
 * @param {ReturnType<typeof newFolder>} [folder]
 * @returns {Running}
 */
function running(child, port, folder) {
  const origin = `http://127.0.0.1:${port}`;
  const pool = new undici.Pool(origin, { connections: 64 });
  return {
    port,
    origin,
    pid: /** @type {number} */ (child.process.pid),
    pool,
    async end() {
      await pool.destroy();
      await child.end();
      folder?.remove();
    },
  };
}
