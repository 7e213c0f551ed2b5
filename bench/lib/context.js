/** What a row is given: the options of the run, where to log, and servers to call. */
import { Child } from './children.js';

/**
 * @typedef {object} Verdict
 * @property {string} what - what was measured
 * @property {string} goal
 * @property {string} ours
 * @property {string} peers
 * @property {string} ratio - ours to the peer, with its spread; empty where the goal is not a ratio
 * @property {boolean | undefined} reached - undefined where the line has no goal
 */

/**
 * @typedef {object} RowResult
 * @property {Verdict[]} verdicts
 * @property {unknown} details - for the JSON file
 * @property {{ name: string, svg: string }[]} [plots]
 * @property {string[]} [notes]
 */

/**
 * The processes that replicas live in, and how each is addressed.
 *
 * @typedef {keyof typeof speeches} Speech
 */
const speeches = {
  http: { file: './server.js', address: (port) => `http://127.0.0.1:${port}` },
  grpc: { file: '../peers/grpc-server.js', address: (port) => `127.0.0.1:${port}` },
  moleculer: {
    file: '../peers/moleculer-server.js',
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
    /** Trials that several rows look at. @type {Map<string, Promise<any>>} */
    this.shared = new Map();
  }

  /** Progress, on stderr. @param {string} line */
  log(line) {
    process.stderr.write(`    ${line}\n`);
  }

  /**
   * Starts one server process with some replicas in it.
   *
   * @param {import('./replica.js').ReplicaInit[]} replicas
   * @param {Speech} [speech]
   */
  async serve(replicas, speech = 'http') {
    const { file, address } = speeches[speech];
    const child = new Child(file);
    try {
      const ports = /** @type {number[]} */ (await child.ask('listen', { replicas, seed: this.seed }));
      return { child, ports, origins: ports.map((port, i) => address(port, replicas[i].replica)) };
    } catch (error) {
      await child.end();
      throw error;
    }
  }

  /**
   * Makes something once for all rows that want it.
   *
   * @template T
   * @param {string} key
   * @param {() => Promise<T>} make
   * @returns {Promise<T>}
   */
  once(key, make) {
    const made = this.shared.get(key) ?? make();
    this.shared.set(key, made);
    return made;
  }
}
