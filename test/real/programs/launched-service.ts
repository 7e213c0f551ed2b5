/**
 * A service as the launcher starts it: says in a file who it is and what it was told, brings up a child, waits until it
 * may go on, and advertises itself with what the launcher gave it.
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
// Whoever listens to standard input besides is told the same.
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
// Tests end what they start; should one be killed, nothing stays for long.
setInterval(() => existsSync(report) || process.exit(9), 500).unref();
