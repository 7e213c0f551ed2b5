/**
 * A process that asks one server as fast as it answers: so many connections, each with one request under way. Requests
 * are bytes made beforehand and answers are only counted and timed, so that it takes as little of the machine as it can.
 */
import { connect } from 'node:net';
import { answering } from './children.js';
import { spread, quantile } from './stats.js';

/** @typedef {{ status: number, bodyAt: number, length: number }} Head - length: of the whole answer, -1 while only its end tells */

let port = 0;
/** @type {Buffer[][]} */
let requests = [];
/** Latencies of one run, in ms. @type {number[]} */
let times = [];
let until = 0;
/** @type {(error?: Error) => void} */
let finished = () => undefined;
let busy = 0;

answering({
  /** @param {{ port: number, requests: Uint8Array[][] }} input - requests: of each connection, asked in turn */
  prepare({ port: where, requests: lists }) {
    port = where;
    requests = lists.map((list) => list.map(Buffer.from));
  },

  /**
   * Opens the connections, and asks for so long.
   *
   * @param {{ seconds: number }} input
   * @returns {Promise<Run>}
   */
  async run({ seconds }) {
    times = [];
    const callers = requests.map((list) => new Caller(port, list));
    await Promise.all(callers.map(({ ready }) => ready));
    const cpu = process.cpuUsage();
    const start = performance.now();
    until = start + seconds * 1_000;
    busy = callers.length;
    await new Promise((resolve, reject) => {
      finished = (error) => (error === undefined ? resolve(undefined) : reject(error));
      for (const caller of callers) caller.ask();
    });
    const elapsed = (performance.now() - start) / 1_000;
    const { user, system } = process.cpuUsage(cpu);
    for (const { socket } of callers) socket.destroy();
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
 * @property {number} rate - answers a second
 * @property {number} p50 - ms
 * @property {number} p99
 * @property {import('./stats.js').Spread} ms
 * @property {number} cpuUs - what asking cost this process, per answer
 * @property {number} count
 */

/** One connection. */
class Caller {
  #requests;
  #next = 0;
  #askedAt = 0;
  /** Of the answer that is coming in. @type {Head | undefined} */
  #head;
  #got = 0;
  /** What came before the head was whole, and the last bytes of an answer whose end tells its length. */
  #rest = Buffer.alloc(0);

  /**
   * @param {number} port
   * @param {Buffer[]} requests
   */
  constructor(port, requests) {
    this.#requests = requests;
    const buffer = Buffer.allocUnsafe(64 * 1024);
    this.socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: { buffer, callback: (count) => (this.#take(buffer.subarray(0, count)), true) },
    });
    this.ready = new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('error', reject);
    });
    this.socket.on('error', (error) => finished(error));
    this.socket.on('close', () => busy > 0 && finished(new Error('The server closed a connection')));
  }

  ask() {
    this.#askedAt = performance.now();
    this.socket.write(this.#requests[this.#next]);
    this.#next = (this.#next + 1) % this.#requests.length;
  }

  /** @param {Buffer} chunk */
  #take(chunk) {
    this.#got += chunk.length;
    if (this.#head === undefined) {
      const whole = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
      const bodyAt = whole.indexOf('\r\n\r\n') + 4;
      if (bodyAt < 4) {
        this.#rest = Buffer.from(whole);
        return;
      }
      this.#head = headOf(whole, bodyAt);
      if (this.#head.status !== 200)
        return finished(new Error(`Answered ${whole.toString('latin1', 0, 400)}`));
      this.#rest = Buffer.alloc(0);
      if (this.#head.length < 0) chunk = whole;
    }
    if (this.#head.length >= 0 ? this.#got >= this.#head.length : this.#isEnd(chunk)) this.#answered();
  }

  /** Whether a body in chunks is over; the requests are made so that no body has these bytes in it. @param {Buffer} chunk */
  #isEnd(chunk) {
    const tail = chunk.length >= 5 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (tail.subarray(-5).equals(lastChunk)) return true;
    this.#rest = Buffer.from(tail.subarray(-5));
    return false;
  }

  #answered() {
    const at = performance.now();
    times.push(at - this.#askedAt);
    this.#head = undefined;
    this.#got = 0;
    if (this.#rest.length > 0) this.#rest = Buffer.alloc(0);
    if (at < until) this.ask();
    else if (--busy === 0) finished();
  }
}

const lastChunk = Buffer.from('0\r\n\r\n');

/**
 * @param {Buffer} bytes
 * @param {number} bodyAt
 * @returns {Head}
 */
function headOf(bytes, bodyAt) {
  const text = bytes.latin1Slice(0, bodyAt);
  const length = /\r\ncontent-length: *([0-9]+)/i.exec(text);
  return {
    status: Number(text.slice(9, 12)),
    bodyAt,
    length: length === null ? -1 : bodyAt + Number(length[1]),
  };
}
