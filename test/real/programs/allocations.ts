/**
 * Prints how many bytes a warm GET allocates: with a Pool of undici, and with a clerk. Runs with `--expose-gc` and a young
 * generation that needs no collection during a sample.
 */
import { createClerk } from 'binding-clerk';
import { Pool } from 'undici';
import { printLine } from './print-line.js';

const [address = ''] = process.argv.slice(2);
const { gc } = globalThis as { gc?: () => void };
const clerk = createClerk({ registry: { '/shop/orders': address } });
const orders = clerk.bind('/shop/orders');
const pool = new Pool(address);

const warmUpCalls = 1_500;
const sampleCalls = 200;

async function bytesPerCall(call: () => Promise<unknown>): Promise<number> {
  for (let i = 0; i < warmUpCalls; i++) await call();
  const samples: number[] = [];
  for (let i = 0; i < 7; i++) {
    gc?.();
    const before = process.memoryUsage().heapUsed;
    for (let n = 0; n < sampleCalls; n++) await call();
    samples.push((process.memoryUsage().heapUsed - before) / sampleCalls);
  }
  // The median leaves out samples during which code was compiled.
  return Math.round(samples.sort((a, b) => a - b)[3] as number);
}

const bytes = {
  pool: await bytesPerCall(async () => (await pool.request({ method: 'GET', path: '/' })).body.json()),
  request: await bytesPerCall(async () => (await orders.request({ path: '/' })).body.json()),
  json: await bytesPerCall(() => orders.json('/')),
};
printLine('bytes', JSON.stringify(bytes));
await Promise.all([pool.close(), clerk.close()]);
