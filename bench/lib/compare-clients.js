/** Separates the result of binding-clerk from those of its peers. */
import { clientTitles, isOurs } from './clients.js';

/**
 * @template {{ client: string }} T
 * @param {T[]} results - one per client
 */
export function compareClients(results) {
  const ours = /** @type {T} */ (results.find(({ client }) => isOurs(client)));
  const peers = results.filter((one) => one !== ours);
  return {
    ours,
    /**
     * A verdict with one figure of each client.
     *
     * @param {string} what
     * @param {string} goal
     * @param {(one: T) => string} show
     * @param {boolean} [reached]
     * @returns {import('./context.js').Verdict}
     */
    verdict: (what, goal, show, reached) => ({
      what,
      goal,
      ours: show(ours),
      peers: peers.map((one) => `${clientTitles[one.client]} ${show(one)}`).join('; '),
      ratio: '',
      reached,
    }),
  };
}
