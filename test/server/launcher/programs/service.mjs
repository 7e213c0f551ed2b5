// A launched service: reads its handshake, reports about its process, starts children, and registers.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';

const options = new Set(process.argv.slice(3, -1));
if (options.has('--ignore-sigterm')) process.on('SIGTERM', () => {});
const ignoresSigterm = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)";
const children = [];
if (options.has('--child'))
  children.push(spawn(process.execPath, ['-e', ignoresSigterm], { stdio: 'ignore' }));
if (options.has('--detached-child'))
  children.push(spawn(process.execPath, ['-e', ignoresSigterm], { stdio: 'ignore', detached: true }));

let input = '';
for await (const chunk of process.stdin) input += chunk;
const report = {
  argv: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  uid: process.getuid(),
  gid: process.getgid(),
  groups: process.getgroups(),
  input,
  pid: process.pid,
  children: children.map(({ pid }) => pid),
};
appendFileSync(process.argv[2], `${JSON.stringify(report)}\n`);
if (options.has('--crash')) {
  console.error('Error: the disk is full \u001b[31m');
  process.exit(3);
}
const server = createServer((request, response) => response.end(request.url));
server.listen(0, '127.0.0.1', async () => {
  console.log('listening');
  if (options.has('--silent')) return;
  const { registry, name, instance: id, epoch, ticket } = JSON.parse(input);
  const addresses = [`http://127.0.0.1:${server.address().port}`];
  const body = JSON.stringify({ name, id, epoch, ticket, addresses });
  const { status } = await fetch(`${registry[0]}/v1/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  console.log(`registered: ${status}`);
});
// Tests stop what they start. If a test run is killed, this program ends when its report file is removed.
setInterval(() => existsSync(process.argv[2]) || process.exit(9), 500);
