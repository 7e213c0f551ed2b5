/**
 * Testing your own code: the servers of this clerk are in memory, fail on demand and run in virtual time. No port is
 * opened, waiting costs no real time, and the same seed gives the same run.
 */
import type { Clerk } from 'binding-clerk';
import { memoryCluster } from 'binding-clerk/testing';

/** The code under test: it fetches an order, and works without one. */
async function orderOrNothing(clerk: Clerk): Promise<string> {
  const orders = clerk.bind('/shop/orders', { timeoutMs: 2_000 });
  return orders.text('/orders/7').catch(() => 'nothing');
}

export async function main(): Promise<void> {
  const { clerk, cluster, runtime } = memoryCluster({ '/shop/orders': ['a', 'b'] }, { seed: 7 });

  cluster.kill('a'); // as after SIGKILL: connections are cut, new ones refused
  console.log('a is dead:', await orderOrNothing(clerk));

  cluster.pause('b'); // as after SIGSTOP: it accepts connections and does not respond
  const startedAt = runtime.now();
  console.log('b hangs:', await orderOrNothing(clerk));
  console.log(`that took ${Math.round((runtime.now() - startedAt) / 1_000)} s of virtual time`);

  cluster.resume('b');
  console.log('b continues:', await orderOrNothing(clerk));

  await clerk.close();
}

if (process.argv[1] === import.meta.filename) await main();
//=> a is dead: {"endpoint":"b"}
//=> b hangs: nothing
//=> that took 2 s of virtual time
//=> b continues: {"endpoint":"b"}
