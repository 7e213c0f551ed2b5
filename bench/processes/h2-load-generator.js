/**
 * A process that loads one HTTP/2 server in a closed loop: 8 connections, each with 8 requests in flight. The counterpart of
 * `load-generator.js`.
 */
import { connect } from 'node:http2';
import { handleTasks } from '../lib/child-process.js';
import { quantile } from '../lib/statistics.js';

const connections = 8;
const streamsPerConnection = 8;

let port = 0;
/** @type {import('node:tls').ConnectionOptions | undefined} */
let tls;
/** @type {import('node:http2').OutgoingHttpHeaders} */
let headers = {};

handleTasks({
  /** @param {{ port: number, requests: import('node:http2').OutgoingHttpHeaders[][], tls?: import('node:tls').ConnectionOptions }} input - one request, sent by all */
  prepare(input) {
    ({ port, tls } = input);
    headers = input.requests[0][0];
  },

  /**
   * @param {{ seconds: number }} input
   * @returns {Promise<Omit<import('./load-generator.js').Run, 'ms'>>}
   */
  async run({ seconds }) {
    const sessions = Array.from({ length: connections }, () => connect(`https://127.0.0.1:${port}`, tls));
    await Promise.all(sessions.map((session) => new Promise((resolve) => session.once('connect', resolve))));
    /** @type {number[]} */
    const times = [];
    const cpu = process.cpuUsage();
    const start = performance.now();
    const endAt = start + seconds * 1_000;
    const loop = async (/** @type {import('node:http2').ClientHttp2Session} */ session) => {
      for (let sentAt = start; sentAt < endAt; sentAt = performance.now()) {
        await responseOf(session);
        times.push(performance.now() - sentAt);
      }
    };
    await Promise.all(
      sessions.flatMap((session) => Array.from({ length: streamsPerConnection }, () => loop(session))),
    );
    const elapsed = (performance.now() - start) / 1_000;
    const { user, system } = process.cpuUsage(cpu);
    for (const session of sessions) session.destroy();
    return {
      rate: times.length / elapsed,
      p50: quantile(times, 0.5),
      p99: quantile(times, 0.99),
      cpuUs: (user + system) / times.length,
      count: times.length,
    };
  },
});

/** Sends one request; resolves at the end of the response. @param {import('node:http2').ClientHttp2Session} session */
const responseOf = (session) =>
  new Promise((resolve, reject) => {
    session
      .request(headers)
      .on('response', ({ ':status': status }) => {
        if (status !== 200) reject(new Error(`The status must be 200; got ${status}`));
      })
      .on('error', reject)
      .on('end', resolve)
      .resume();
  });
