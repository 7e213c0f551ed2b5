/** An open loop of one client, in a process of its own, against replicas that are started for it. */
import { Child } from './child-process.js';
import { protocolOf } from './clients.js';
import { now } from './clock.js';

/**
 * @typedef {object} OpenLoadCalls - one value per call
 * @property {Float64Array} due - instants of `now()`
 * @property {Float64Array} ms - latency
 * @property {string[]} replica - that responded; empty for a failed call
 * @property {string[]} failure - code; empty for a successful call
 * @property {boolean[]} isReport
 */

/**
 * Keys of the clients of a run, ours first.
 *
 * @param {{ quick: boolean }} context
 * @param {string[]} [extraClients] - that only a full run measures
 */
export const openLoadClients = ({ quick }, extraClients = ['fault-balanced-retry', 'fault-round-robin']) => [
  ...['fault-clerk', 'fault-p2c', 'fault-cockatiel', 'fault-grpc', 'fault-moleculer'],
  ...(quick ? [] : extraClients),
];

/**
 * @param {import('./context.js').Context} context
 * @param {string} client
 * @param {import('./replica.js').ReplicaInit[]} replicas
 * @param {{ rate: number, seconds: number, reportEvery?: number }} load
 */
export async function runOpenLoad(context, client, replicas, load) {
  const { child: server, origins } = await context.startReplicas(replicas, protocolOf(client));
  const driver = new Child('processes/client-driver.js');
  try {
    await driver.call('prepare', { client, origins, subject: context.subject });
    const calls = await driver.call('open', { ...load, startAt: now() + 100 });
    return {
      .../** @type {OpenLoadCalls} */ (calls),
      /** Requests that each replica received. @type {Record<string, number>} */
      received: await server.call('count'),
      /** @type {number[]} */
      reportsAt: await server.call('reports'),
      /** @type {number | undefined} */
      ejections: await driver.call('ejections'),
    };
  } finally {
    await Promise.all([driver.end(), server.end()]);
  }
}
