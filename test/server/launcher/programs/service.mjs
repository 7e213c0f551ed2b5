// A service as a launcher starts it: reads its line, tells a file what it found, brings up children, and registers.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';

const options = new Set(process.argv.slice(3, -1));
if (options.has('--deaf')) process.on('SIGTERM', () => {});
const deaf = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)";
const children = [];
if (options.has('--child')) children.push(spawn(process.execPath, ['-e', deaf], { stdio: 'ignore' }));
if (options.has('--stray'))
  children.push(spawn(process.execPath, ['-e', deaf], { stdio: 'ignore', detached: true }));

let input = '';
for await (const chunk of process.stdin) input += chunk;
const told = {
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
appendFileSync(process.argv[2], `${JSON.stringify(told)}\n`);
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
// Tests end what they start; should one be killed, nothing stays for long.
setInterval(() => existsSync(process.argv[2]) || process.exit(9), 500);
