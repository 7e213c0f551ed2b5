/**
 * A service that a launcher starts. `/` answers at once, `/slow?ms=` after a time, `/bytes?ms=` with a body that lasts as
 * long, and an upgraded connection stays open. Appends its process id to a file when it has registered.
 */
import { appendFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { advertise } from 'binding-clerk/service';

const [report = ''] = process.argv.slice(2);
const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const ms = Number(searchParams.get('ms') ?? 0);
  if (pathname === '/bytes') response.write('a');
  setTimeout(() => response.end(JSON.stringify({ pid: process.pid })), ms);
});
server.on('upgrade', (_request, socket) => {
  socket.on('data', (chunk) => socket.write(chunk)).on('end', () => socket.end());
  socket.on('error', () => undefined);
  socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
});
server.listen(0, '127.0.0.1');
await advertise({ address: server, leaseMs: 1_000 });
appendFileSync(report, `${process.pid}\n`);
// Tests end what they start. If a test run is killed, this program ends when its report file is removed.
setInterval(() => existsSync(report) || process.exit(9), 500).unref();
