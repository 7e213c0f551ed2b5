/** Replicas without their protocol: response body, delays, faults and the number of received requests. */
import { handleTasks } from './child-process.js';
import { now } from './clock.js';
import { seededRandom } from './statistics.js';

/**
 * @typedef {object} ReplicaInit
 * @property {string} replica - the name
 * @property {number} [port]
 * @property {number} [minMs] - latency of an order. Default 0.
 * @property {number} [maxMs] - default `minMs`
 * @property {number} [reportMs] - latency of a report. Default 0.
 * @property {boolean} [isFailing] - whether every request fails with status 503, or what equals it
 * @property {number} [optionsStatus] - status of the response to OPTIONS. Default 404.
 */

export class Replica {
  /** Number of received requests. */
  received = 0;
  /** When the reports were requested, as instants of `now()`. @type {number[]} */
  reportsAt = [];
  #minMs;
  #delayRange;
  #reportMs;
  #random;

  /**
   * @param {ReplicaInit} init
   * @param {() => number} random
   */
  constructor(
    { replica, minMs = 0, maxMs = minMs, reportMs = 0, isFailing = false, optionsStatus = 404 },
    random,
  ) {
    this.body = {
      order: 7,
      customer: 'c-1024',
      total: 12.5,
      currency: 'EUR',
      items: ['pen', 'ink'],
      replica,
    };
    this.isFailing = isFailing;
    this.optionsStatus = optionsStatus;
    this.#minMs = minMs;
    this.#delayRange = maxMs - minMs + 1;
    this.#reportMs = reportMs;
    this.#random = maxMs === 0 ? undefined : random;
  }

  /** Counts a request for an order and calls `respond`: at once, or after a whole number of ms. @param {() => void} respond */
  serve(respond) {
    this.received++;
    if (this.#random === undefined) respond();
    else setTimeout(respond, this.#minMs + Math.floor(this.#random() * this.#delayRange));
  }

  /** Counts a request for a report, the slow route, and calls `respond`. @param {() => void} respond */
  serveReport(respond) {
    this.received++;
    this.reportsAt.push(now());
    setTimeout(respond, this.#reportMs);
  }
}

/**
 * The tasks of a process that serves replicas.
 *
 * @param {(replica: Replica, port: number | undefined) => Promise<number>} start - serves a replica; resolves to its port
 */
export function serveReplicas(start) {
  /** @type {Replica[]} */
  const replicas = [];
  handleTasks({
    /** @param {{ replicas: ReplicaInit[], seed: number }} input */
    async listen({ replicas: inits, seed }) {
      const random = seededRandom(seed);
      const ports = [];
      for (const init of inits) {
        const replica = new Replica(init, random);
        replicas.push(replica);
        ports.push(await start(replica, init.port));
      }
      return ports;
    },
    count: () => Object.fromEntries(replicas.map(({ body, received }) => [body.replica, received])),
    reports: () => replicas.flatMap(({ reportsAt }) => reportsAt),
  });
}
