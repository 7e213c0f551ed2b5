import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startServer } from '../../../src/server/index.js';
import type { LoadAttack } from './load-attack.js';
import { silentLogger } from './silent-logger.js';

export const attack: LoadAttack = {
  name: 'launched-strays',
  what: 'a FIFO or an open script among the manifests is refused, and no child of a failed start or of a server that ends is left',
  sizes: { small: 2, full: 30 },
  limits: { acceptedManifests: 0, survivors: 0 },
  async run(size) {
    const folder = mkdtempSync(join(tmpdir(), 'clerk-attack-'));
    const manifests = join(folder, 'manifests');
    const script = join(folder, 'app.sh');
    const start = () => startServer({ port: 0, manifests, logger: silentLogger });
    const write = (name: string, exec: string, args: readonly string[]): void =>
      writeFileSync(
        join(manifests, `${name}.yaml`),
        `version: 1\nservice: /shop/${name}\nexec: ${exec}\nargs: ${JSON.stringify(args)}\nreadyMs: 1000\n`,
        { mode: 0o600 },
      );
    let [acceptedManifests, survivors] = [0, 0];
    try {
      for (const prepare of [
        () => execFileSync('mkfifo', [join(manifests, 'orders.yaml')]),
        () => {
          writeFileSync(script, 'exit 1\n');
          execFileSync('chmod', ['666', script]);
          write('orders', '/bin/sh', [script]);
        },
      ]) {
        mkdirSync(manifests, { mode: 0o700 });
        prepare();
        const server = await start().catch(() => undefined);
        if (server !== undefined) acceptedManifests++;
        await server?.close();
        rmSync(manifests, { recursive: true });
      }
      mkdirSync(manifests, { mode: 0o700 });
      const child = `setsid env -i /bin/sh -c 'echo $$ >> ${join(folder, 'pids')}; exec sleep 600' > /dev/null 2>&1 & exec sleep 600`;
      write('orders', '/bin/sh', ['-c', child]);
      for (let i = 0; i < size; i++) {
        const server = await start();
        const post = (path: string, body: object): Promise<Response> =>
          fetch(server.url + path, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
          });
        await post('/v1/define', { name: '/shop/orders', launch: { manifest: 'orders' } });
        const launched = post('/v1/launch', { name: '/shop/orders' }).catch(() => undefined);
        // One start fails, the next one is under way when the server ends.
        if (i % 2 === 0) await launched;
        while (pidsIn(folder).length <= i) await sleep(20);
        await server.close();
        await launched;
      }
      const endsAt = performance.now() + 5_000;
      while (pidsIn(folder).some(isRunning) && performance.now() < endsAt) await sleep(50);
      for (const pid of pidsIn(folder).filter(isRunning)) {
        survivors++;
        process.kill(pid, 'SIGKILL');
      }
      return { acceptedManifests, survivors };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function pidsIn(folder: string): readonly number[] {
  try {
    return readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n').map(Number);
  } catch {
    return [];
  }
}

function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${String(pid)}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
}
