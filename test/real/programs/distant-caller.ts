/**
 * A host with a registry, a clerk and another program, which listens on the port of the service. Calls the service once
 * it is registered. After SIGUSR2, sends 20 POST requests, and prints how they ended and what the other program got.
 */
import { createServer } from 'node:http';
import { createClerk, isClerkError } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { printLine } from './print-line.js';

const [ip = '', port = '0'] = process.argv.slice(2);
const bodies: string[] = [];
const other = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    if (request.method === 'POST') bodies.push(body);
    response.end('another program');
  });
});
await new Promise<void>((resolve) => other.listen(Number(port), '0.0.0.0', resolve));
const registry = await startServer({ port: 0, host: ip, insecure: true });
printLine('registry', registry.url);
const clerk = createClerk({ registry: registry.url });
const orders = clerk.bind('/shop/orders', { timeoutMs: 3_000 });

const post = async (): Promise<string> => {
  try {
    const { body } = await orders.request({ method: 'POST', path: '/', body: 'order' });
    return await body.text();
  } catch (error) {
    return isClerkError(error) ? `${error.code} ${error.execution}` : String(error);
  }
};

process.on('SIGUSR2', () => {
  void Promise.all(Array.from({ length: 20 }, post)).then((ends) => {
    printLine('ended', JSON.stringify({ bodies: bodies.length, ends: [...new Set(ends)] }));
  });
});

let first = '';
while (first !== 'service') {
  first = await post();
  await new Promise((resolve) => setTimeout(resolve, 100));
}
printLine('called');
