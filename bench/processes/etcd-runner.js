/** A process that runs one etcd. Kills it on request, and on exit. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { handleTasks } from '../lib/child-process.js';
import { sleep } from '../lib/clock.js';

/** @type {import('node:child_process').ChildProcess | undefined} */
let etcd;
process.on('exit', () => etcd?.kill('SIGKILL'));

handleTasks({
  /** @param {{ program: string, folder: string }} input */
  async start({ program, folder }) {
    const [port, peerPort] = [await freePort(), await freePort()];
    const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
    etcd = spawn(
      program,
      [
        ...['--data-dir', `${folder}/etcd`, '--name', 'bench', '--log-level', 'error'],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...['--initial-cluster', `bench=${peer}`],
      ],
      { stdio: 'ignore', env: { PATH: process.env.PATH ?? '' } },
    );
    await once(etcd, 'spawn');
    const deadline = performance.now() + 10_000;
    while (!(await isHealthy(client))) {
      if (etcd.exitCode !== null || performance.now() > deadline)
        throw new Error('etcd must be healthy within 10 s');
      await sleep(50);
    }
    return { pid: etcd.pid, port };
  },
  async stop() {
    if (etcd === undefined || etcd.exitCode !== null || etcd.signalCode !== null) return;
    etcd.kill('SIGKILL');
    await once(etcd, 'exit');
  },
});

/** @param {string} origin */
async function isHealthy(origin) {
  try {
    return (await fetch(`${origin}/health`)).ok;
  } catch {
    return false;
  }
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}
