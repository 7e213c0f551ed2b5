/** Registry servers, ours and the peers. Each runs in a process of its own; its data folder is removed when it ends. */
import { join } from 'node:path';
import { Child } from './child-process.js';
import { startEtcd } from './etcd.js';
import { temporaryFolder } from './temporary-folder.js';
import { undici } from './subject.js';

/**
 * @typedef {object} RegistryServer
 * @property {number} port
 * @property {string} origin
 * @property {number} pid
 * @property {import('undici').Pool} pool - for requests that are not measured; of the operator, if the server is secured
 * @property {() => Promise<void>} end
 */

/**
 * The bundled server. Stores data in a folder when `durable`, else in memory.
 *
 * @param {import('./context.js').Context} context
 * @param {{ durable?: boolean, options?: object, execArgv?: string[] }} [server]
 * @returns {Promise<RegistryServer & { child: Child }>}
 */
export async function startBundledServer({ subject }, { durable = false, options = {}, execArgv = [] } = {}) {
  const folder = durable ? temporaryFolder() : undefined;
  const child = new Child('processes/bundled-server.js', { execArgv });
  try {
    const data = folder === undefined ? {} : { data: join(folder.path, 'data') };
    const { url, port } = await child.call('start', { subject, options: { ...data, ...options } });
    return { ...registryServer(child, url, port, folder), child };
  } catch (error) {
    await child.end();
    folder?.remove();
    throw error;
  }
}

/**
 * A bare node:http server over a Map: the upper bound of this platform.
 *
 * @param {Record<string, string>} responses - JSON by name
 * @returns {Promise<RegistryServer>}
 */
export async function startMapServer(responses) {
  const child = new Child('processes/map-server.js');
  try {
    const port = await child.call('start', { responses });
    return registryServer(child, `http://127.0.0.1:${port}`, port);
  } catch (error) {
    await child.end();
    throw error;
  }
}

/**
 * etcd, or the reason why it cannot run.
 *
 * @param {import('./context.js').Context} context
 * @returns {Promise<RegistryServer | string>}
 */
export async function startEtcdServer(context) {
  const folder = temporaryFolder();
  try {
    const { port, pid, runner } = await startEtcd(context, folder.path);
    const server = registryServer(runner, `http://127.0.0.1:${port}`, port, folder);
    const end = async () => {
      await runner.call('stop').catch(() => undefined);
      await server.end();
    };
    return { ...server, pid, end };
  } catch (error) {
    folder.remove();
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * @param {Child} child
 * @param {string} origin
 * @param {number} port
 * @param {ReturnType<typeof temporaryFolder>} [folder]
 * @param {object} [connect] - how the pool connects
 * @returns {RegistryServer}
 */
export function registryServer(child, origin, port, folder, connect) {
  const pool = new undici.Pool(origin, { connections: 64, ...(connect && { connect }) });
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
