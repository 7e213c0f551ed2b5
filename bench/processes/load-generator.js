/**
 * A process that loads one server in a closed loop: a fixed number of connections, each with one request in flight.
 * Requests are prepared bytes, and responses are only counted and timed, so that the generator uses little CPU.
 */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { handleTasks } from '../lib/child-process.js';
import { spread, quantile } from '../lib/statistics.js';

/** @typedef {{ status: number, bodyAt: number, length: number }} Head - `length`: bytes of head and body; -1 for a chunked body */

let port = 0;
/** @type {import('node:tls').ConnectionOptions | undefined} */
let tls;
/** @type {Buffer[][]} */
let requests = [];
/** Latencies of one run, in ms. @type {number[]} */
let times = [];
let endAt = 0;
/** @type {(error?: Error) => void} */
let onEnd = () => undefined;
let activeConnections = 0;

handleTasks({
  /** @param {{ port: number, requests: Uint8Array[][], tls?: import('node:tls').ConnectionOptions }} input - `requests` of each connection, sent round robin */
  prepare({ port: serverPort, requests: lists, tls: tlsOptions }) {
    port = serverPort;
    tls = tlsOptions;
    requests = lists.map((list) => list.map(Buffer.from));
  },

  /**
   * Opens the connections and sends requests for the given time.
   *
   * @param {{ seconds: number }} input
   * @returns {Promise<Run>}
   */
  async run({ seconds }) {
    times = [];
    const connections = requests.map((list) => new Connection(port, list));
    await Promise.all(connections.map(({ ready }) => ready));
    const cpu = process.cpuUsage();
    const start = performance.now();
    endAt = start + seconds * 1_000;
    activeConnections = connections.length;
    await new Promise((resolve, reject) => {
      onEnd = (error) => (error === undefined ? resolve(undefined) : reject(error));
      for (const connection of connections) connection.send();
    });
    const elapsed = (performance.now() - start) / 1_000;
    const { user, system } = process.cpuUsage(cpu);
    for (const { socket } of connections) socket.destroy();
    return {
      rate: times.length / elapsed,
      p50: quantile(times, 0.5),
      p99: quantile(times, 0.99),
      ms: spread(times),
      cpuUs: (user + system) / times.length,
      count: times.length,
    };
  },
});

/**
 * @typedef {object} Run
 * @property {number} rate - responses per second
 * @property {number} p50 - ms
 * @property {number} p99
 * @property {import('../lib/statistics.js').Spread} ms
 * @property {number} cpuUs - CPU time of this process per response
 * @property {number} count
 */

/** One connection. */
class Connection {
  #requests;
  #next = 0;
  #sentAt = 0;
  /** Head of the current response. @type {Head | undefined} */
  #head;
  #receivedBytes = 0;
  /** Bytes of an incomplete head, or the last bytes of a chunked body. */
  #rest = Buffer.alloc(0);

  /**
   * @param {number} port
   * @param {Buffer[]} requests
   */
  constructor(port, requests) {
    this.#requests = requests;
    this.socket = tls === undefined ? this.#connect() : this.#connectTls(tls);
    this.ready = new Promise((resolve, reject) => {
      this.socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve);
      this.socket.once('error', reject);
    });
    this.socket.on('error', (error) => onEnd(error));
    this.socket.on(
      'close',
      () => activeConnections > 0 && onEnd(new Error('The server closed a connection during the run')),
    );
  }

  #connect() {
    const buffer = Buffer.allocUnsafe(64 * 1024);
    return connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: { buffer, callback: (count) => (this.#onData(buffer.subarray(0, count)), true) },
    });
  }

  /** @param {import('node:tls').ConnectionOptions} options */
  #connectTls(options) {
    return connectTls({ ...options, port, host: '127.0.0.1' })
      .setNoDelay(true)
      .on('data', (chunk) => this.#onData(chunk));
  }

  send() {
    this.#sentAt = performance.now();
    this.socket.write(this.#requests[this.#next]);
    this.#next = (this.#next + 1) % this.#requests.length;
  }

  /** @param {Buffer} chunk */
  #onData(chunk) {
    this.#receivedBytes += chunk.length;
    if (this.#head === undefined) {
      const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
      const bodyAt = bytes.indexOf('\r\n\r\n') + 4;
      if (bodyAt < 4) {
        this.#rest = Buffer.from(bytes);
        return;
      }
      this.#head = parseHead(bytes, bodyAt);
      if (this.#head.status !== 200)
        return onEnd(new Error(`The status must be 200; got ${bytes.toString('latin1', 0, 400)}`));
      this.#rest = Buffer.alloc(0);
      if (this.#head.length < 0) chunk = bytes;
    }
    if (this.#head.length >= 0 ? this.#receivedBytes >= this.#head.length : this.#isLastChunk(chunk))
      this.#onResponse();
  }

  /** Whether a chunked body ends here. No body of these servers contains the bytes of `lastChunk`. @param {Buffer} chunk */
  #isLastChunk(chunk) {
    const tail = chunk.length >= 5 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (tail.subarray(-5).equals(lastChunk)) return true;
    this.#rest = Buffer.from(tail.subarray(-5));
    return false;
  }

  #onResponse() {
    const at = performance.now();
    times.push(at - this.#sentAt);
    this.#head = undefined;
    this.#receivedBytes = 0;
    if (this.#rest.length > 0) this.#rest = Buffer.alloc(0);
    if (at < endAt) this.send();
    else if (--activeConnections === 0) onEnd();
  }
}

const lastChunk = Buffer.from('0\r\n\r\n');

/**
 * @param {Buffer} bytes
 * @param {number} bodyAt
 * @returns {Head}
 */
function parseHead(bytes, bodyAt) {
  const text = bytes.latin1Slice(0, bodyAt);
  const length = /\r\ncontent-length: *([0-9]+)/i.exec(text);
  return {
    status: Number(text.slice(9, 12)),
    bodyAt,
    length: length === null ? -1 : bodyAt + Number(length[1]),
  };
}
