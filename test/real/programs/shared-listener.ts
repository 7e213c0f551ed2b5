/**
 * A parent that listens, and two children that share its listener without `node:cluster`. The argument `handle` passes the
 * listener by message, `descriptor` by a descriptor. The second child begins when the first one is advertised.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { advertise, atMostOnce } from 'binding-clerk/service';
import { printLine } from './print-line.js';

const [registry = '', scene = '', role = 'parent'] = process.argv.slice(2);
const self = fileURLToPath(import.meta.url);

async function serve(listener: Server | { readonly fd: number }): Promise<void> {
  const guarded = atMostOnce((request, response) => {
    printLine('ran', request.url);
    response.end(String(process.pid));
  });
  const server = createHttpServer(guarded).listen(listener);
  try {
    const ad = await advertise({ name: '/shop/orders', address: server, registry, atMostOnce: guarded });
    printLine('advertised', ad.id);
  } catch (error) {
    printLine('refused', (error as { code: string }).code, (error as Error).message);
    process.exit(1);
  }
}

/** The public interface of a server does not have the number of its descriptor. */
function descriptorOf(server: Server): number {
  return (server as unknown as { readonly _handle: { readonly fd: number } })._handle.fd;
}

if (role === 'parent') {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const start = (): ChildProcess => {
    const args = [registry, scene, 'child'];
    const stdio: ('ignore' | 'pipe' | 'inherit' | 'ipc' | number)[] = ['ignore', 'pipe', 'inherit', 'ipc'];
    if (scene === 'handle') return fork(self, args, { stdio: [...stdio] });
    return spawn(process.execPath, [...process.execArgv, self, ...args], {
      stdio: [...stdio, descriptorOf(server)],
    });
  };
  const children = [start(), start()];
  for (const child of children) child.stdout?.pipe(process.stdout);
  if (scene === 'handle')
    await Promise.all(
      children.map(
        (child) => new Promise<void>((resolve) => void child.send('listener', server, () => resolve())),
      ),
    );
  // The parent accepts nothing.
  server.close();
  children[0]?.stdout?.on('data', (text: Buffer) => {
    if (text.toString().includes('advertised')) children[1]?.send('begin');
  });
  children[0]?.send('begin');
  process.on('disconnect', () => process.exit());
} else {
  let listener: Server | { readonly fd: number } = { fd: 4 };
  process.on('message', (message, handle) => {
    if (message === 'listener') listener = handle as Server;
    else void serve(listener);
  });
  process.on('disconnect', () => process.exit());
}
