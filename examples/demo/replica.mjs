/**
 * One replica: a plain HTTP server in a process of its own. It works on each request for 4 to 7 ms, then says
 * who it is. It ends with the demo that started it, however that ends.
 *
 *   node replica.mjs NAME [PORT]
 */
import { createServer } from 'node:http';

const [name = 'replica', port = '0'] = process.argv.slice(2);

const server = createServer((request, response) => {
  const answer = JSON.stringify({ replica: name, asked: request.url });
  setTimeout(() => response.setHeader('content-type', 'application/json').end(answer), 4 + 3 * Math.random());
});
server.listen(Number(port), '127.0.0.1', () => process.send?.({ port: server.address().port }));

process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {}); // Ctrl-C in the terminal reaches us too; the demo decides
