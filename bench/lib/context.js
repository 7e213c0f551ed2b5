/** What a row receives: the options of the run, the progress log, and replicas to call. */
import { Child } from './child-process.js';

/**
 * @typedef {object} Verdict
 * @property {string} what - what was measured
 * @property {string} goal
 * @property {string} ours
 * @property {string} peers
 * @property {string} ratio - ours divided by the peer, with its spread; empty when the goal is not a ratio
 * @property {boolean | undefined} reached - undefined when there is no goal
 */

/**
 * @typedef {object} RowResult
 * @property {Verdict[]} verdicts
 * @property {unknown} details - for the JSON file
 * @property {{ name: string, svg: string }[]} [plots]
 * @property {string[]} [notes]
 */

/**
 * The child process that serves replicas in each protocol, and how clients address them.
 *
 * @typedef {keyof typeof replicaServers} Protocol
 */
const replicaServers = {
  http: { file: 'processes/http-server.js', address: (port) => `http://127.0.0.1:${port}` },
  grpc: { file: 'processes/grpc-server.js', address: (port) => `127.0.0.1:${port}` },
  moleculer: {
    file: 'processes/moleculer-server.js',
    address: (port, replica) => `tcp://127.0.0.1:${port}/${replica}`,
  },
};

/** One run. */
export class Context {
  /** @param {{ quick: boolean, seed: number, subject: string | undefined }} options */
  constructor({ quick, seed, subject }) {
    this.quick = quick;
    this.seed = seed;
    this.subject = subject;
    /** Results that several rows share, by key. @type {Map<string, Promise<any>>} */
    this.cache = new Map();
  }

  /** Writes a line of progress to stderr. @param {string} line */
  log(line) {
    process.stderr.write(`    ${line}\n`);
  }

  /**
   * Starts one server process with the given replicas.
   *
   * @param {import('./replica.js').ReplicaInit[]} replicas
   * @param {Protocol} [protocol]
   */
  async startReplicas(replicas, protocol = 'http') {
    const { file, address } = replicaServers[protocol];
    const child = new Child(file);
    try {
      const ports = /** @type {number[]} */ (await child.call('listen', { replicas, seed: this.seed }));
      return { child, ports, origins: ports.map((port, i) => address(port, replicas[i].replica)) };
    } catch (error) {
      await child.end();
      throw error;
    }
  }

  /**
   * Computes a value once for all rows that use it.
   *
   * @template T
   * @param {string} key
   * @param {() => Promise<T>} compute
   * @returns {Promise<T>}
   */
  once(key, compute) {
    const value = this.cache.get(key) ?? compute();
    this.cache.set(key, value);
    return value;
  }
}
