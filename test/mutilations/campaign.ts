/** `tsx test/mutilations/campaign.ts [registry|calls] [count] [first seed]`: mutilates folders, and reports the outcomes. */
import { runMutilations } from './run-mutilations.js';

const [store = 'registry', count = '10000', firstSeed = '1'] = process.argv.slice(2);
if (store !== 'registry' && store !== 'calls') throw new Error(`unknown store ${store}`);
let done = 0;
const { counts, wrong } = await runMutilations(store, Number(firstSeed), Number(count), () => {
  done += 1;
  if (done % 500 === 0) console.log(`${done} of ${count}`);
});
for (const [outcome, times] of [...counts].sort()) console.log(`${outcome}: ${times}`);
console.log(`wrong: ${wrong.length}`);
for (const line of wrong.slice(0, 20)) console.log(`  ${line}`);
process.exitCode = wrong.length > 0 ? 1 : 0;
