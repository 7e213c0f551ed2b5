/** A service is killed with SIGKILL while it runs a call, then restarted with the same folder. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { temporaryPath } from '../../server/temporary-path.js';
import { sendRequest, newCallId } from './node-servers.js';
import { nodeArguments } from '../../support/compiled-programs.js';

const program = fileURLToPath(new URL('killed-service.ts', import.meta.url));

async function started(folder: string): Promise<{ child: ChildProcess; port: number; ran: string[] }> {
  const child = spawn(process.execPath, [...nodeArguments(program), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ran: string[] = [];
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', () => reject(new Error('The service ended before it listened')));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('port ')) resolve(Number(line.slice(5)));
      else ran.push(line);
    });
  });
  return { child, port, ran };
}

test('an interrupted call is unknown and does not run again; a finished one is replayed', async () => {
  const folder = temporaryPath('calls');
  const [finished, interrupted, together] = [newCallId(), newCallId(), newCallId()];
  const call = (port: number, path: string, id: string) =>
    sendRequest(port, { path, headers: { 'clerk-call-id': id }, body: 'order' });

  const first = await started(folder);
  expect(await call(first.port, '/finish', finished)).toMatchObject({ status: 201, body: 'finished' });
  // The response is on disk once it is replayed.
  await vi.waitFor(async () => {
    expect((await call(first.port, '/finish', finished)).headers['clerk-idempotency']).toBe('replayed');
  });
  const lost = Promise.allSettled([
    call(first.port, '/hang', interrupted),
    ...Array.from({ length: 5 }, () => call(first.port, '/hang', together)),
  ]);
  await vi.waitFor(() => expect(first.ran.filter((line) => line === 'ran /hang')).toHaveLength(2));
  const ended = once(first.child, 'exit');
  first.child.kill('SIGKILL');
  await ended;
  await lost;

  const second = await started(folder);
  for (let i = 0; i < 2; i++) {
    for (const id of [interrupted, together])
      expect(await call(second.port, '/hang', id)).toMatchObject({
        status: 409,
        headers: { 'clerk-idempotency': 'unknown' },
      });
    expect(await call(second.port, '/finish', finished)).toMatchObject({
      status: 201,
      body: 'finished',
      headers: { 'clerk-idempotency': 'replayed', 'x-order': '7' },
    });
  }
  expect(await call(second.port, '/finish', interrupted)).toMatchObject({ status: 422 });
  expect(second.ran).toEqual([]);
  expect(await call(second.port, '/finish', newCallId())).toMatchObject({ status: 201 });
});
