/** A client that loads a registry as much as one process can: idle, silent and busy connections, and ever new names. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { base64 } from '../lib/etcd.js';
import { handleTasks } from '../lib/child-process.js';
import { requestBytes } from '../lib/registry-requests.js';

const idleConnections = 256;
const silentConnections = 32;
const busyConnections = 16;

/** @type {Record<string, { everything: Buffer, lookup: (name: string) => Buffer }>} */
const requestsOf = {
  ours: {
    everything: requestBytes('/v1/list?glob=/**'),
    lookup: (name) => requestBytes(`/v1/resolve?name=${name}`),
  },
  etcd: {
    everything: requestBytes('/v3/kv/range', { key: base64('\0'), range_end: base64('\0') }),
    lookup: (name) => requestBytes('/v3/kv/range', { key: base64(name), serializable: true }),
  },
};

/** @type {Set<import('node:net').Socket>} */
const open = new Set();
let isEnding = false;
let lookups = 0;

/** @param {number} port */
function openSocket(port) {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  open.add(socket);
  socket.once('close', () => open.delete(socket));
  return socket;
}

/** Opens a connection again whenever the server closes it, at most ten times a second. */
async function keepOpen(/** @type {number} */ port, /** @type {Buffer} */ bytes) {
  while (!isEnding) {
    const socket = openSocket(port);
    socket.pause();
    if (bytes.length > 0) socket.write(bytes);
    else socket.resume();
    await once(socket, 'close').catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Sends the next lookup of an absent name as soon as the response has begun. */
async function lookUp(/** @type {number} */ port, /** @type {(name: string) => Buffer} */ lookup) {
  while (!isEnding) {
    const socket = openSocket(port);
    const send = () => void socket.write(lookup(`/absent/n${++lookups}`));
    socket.on('connect', send).on('data', send);
    await once(socket, 'close').catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

handleTasks({
  /** @param {{ port: number, server: string }} input */
  start({ port, server }) {
    const { everything, lookup } = requestsOf[server];
    const pipelined = Buffer.concat(Array.from({ length: 15 }, () => everything));
    for (let i = 0; i < idleConnections; i++) void keepOpen(port, Buffer.alloc(0));
    for (let i = 0; i < silentConnections; i++) void keepOpen(port, pipelined);
    for (let i = 0; i < busyConnections; i++) void lookUp(port, lookup);
  },
  stop() {
    isEnding = true;
    for (const socket of open) socket.destroy();
    return lookups;
  },
});
