/**
 * A service started by the launcher: reports its process and handshake in a file, spawns a child, waits for
 * the gate file and advertises itself.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { advertise } from 'binding-clerk/service';

const [report = '', gate = ''] = process.argv.slice(2);
const child = spawn('/bin/sleep', ['60'], { stdio: 'ignore' });
let line = '';
process.stdin.on('data', (chunk) => (line += String(chunk)));
const server = createServer((_request, response) => response.end(JSON.stringify({ pid: process.pid })));
server.listen(0, '127.0.0.1');
// Every reader of standard input gets the handshake.
const slow = {
  listening: false,
  address: () => server.address(),
  on: (event: string, listener: () => void) => {
    if (event === 'listening') void opened().then(listener);
  },
  off: () => undefined,
};

async function opened(): Promise<void> {
  while (!line.includes('\n')) await setTimeout(10);
  appendFileSync(
    report,
    `${JSON.stringify({ pid: process.pid, child: child.pid, line: JSON.parse(line) })}\n`,
  );
  while (!existsSync(gate)) await setTimeout(10);
}

const ad = await advertise({ address: slow, leaseMs: 2_000 });
ad.on('drained', () => server.close());
// Ends by itself if the test was killed.
setInterval(() => existsSync(report) || process.exit(9), 500).unref();
