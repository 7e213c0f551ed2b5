// A service that registers without the library, so that it starts fast. The launcher passes a handshake line. A process
// that is run by hand gets the URL of the registry and the name as arguments. Appends its process id and the duration of
// its start to a file.
import { appendFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { hostname } from 'node:os';

const [report, registry, name] = process.argv.slice(2);
let handshake;
if (process.env.CLERK_LAUNCHED === '1') {
  let input = '';
  for await (const chunk of process.stdin) input += chunk;
  handshake = JSON.parse(input);
} else handshake = { registry: [registry], name, instance: `by-hand-${process.pid}` };
const server = createServer((request, response) => {
  // Blocks the event loop for ever.
  if (request.url === '/hang') for (;;);
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ pid: process.pid }));
});
server.listen(0, '127.0.0.1', async () => {
  const { registry: urls, name: service, instance: id, epoch, ticket } = handshake;
  const addresses = [`http://127.0.0.1:${server.address().port}`];
  const body = { name: service, id, addresses, host: hostname(), leaseMs: 60_000 };
  const response = await fetch(`${urls[0]}/v1/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(ticket === undefined ? body : { ...body, epoch, ticket }),
  });
  const { epoch: assigned } = await response.json();
  appendFileSync(
    report,
    `${JSON.stringify({ pid: process.pid, id, epoch: assigned, startMs: process.uptime() * 1_000 })}\n`,
  );
});
// Tests stop what they start. If a test run is killed, this program ends when its report file is removed.
setInterval(() => existsSync(report) || process.exit(9), 500);
