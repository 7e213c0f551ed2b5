/** Calls each server of the first argument twice, all at once; prints how the calls ended and what health reported. */
import { createClerk } from 'binding-clerk';
import { printLine } from './print-line.js';

const addresses = String(process.argv[2]).split(',');
const clerk = createClerk({
  registry: Object.fromEntries(addresses.map((address, i) => [`/shop/s${String(i)}`, address])),
});
const trouble: string[] = [];
clerk.on('ejected', ({ reason }) => trouble.push(reason));
clerk.on('suspect', ({ reason }) => trouble.push(reason));
const results = new Map<string, number>();
for (let round = 0; round < 2; round++) {
  await Promise.all(
    addresses.map(async (_, i) => {
      const result = await clerk
        .bind(`/shop/s${String(i)}`)
        .text('/orders')
        .catch((error: unknown) => (error as { code: string }).code);
      results.set(result, (results.get(result) ?? 0) + 1);
    }),
  );
}
await clerk.close();
printLine(JSON.stringify({ results: [...results], trouble }));
