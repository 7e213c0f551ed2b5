/**
 * Calls a service that may not be running, from 50 callers at once; prints which process responded to each.
 */
import { createClerk } from 'binding-clerk';
import { printLine } from './print-line.js';

const [registry = '', count = '50'] = process.argv.slice(2);
const clerk = createClerk({ registry });
const orders = clerk.bind('/shop/orders');
const calls = Array.from({ length: Number(count) }, () =>
  orders.json<{ pid: number }>('/', { timeoutMs: 25_000 }).then(
    ({ pid }) => String(pid),
    (error: unknown) => String(error),
  ),
);
printLine('responses', JSON.stringify(await Promise.all(calls)));
await clerk.close();
