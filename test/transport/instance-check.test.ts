/** New connections to an endpoint that names its instance are checked before the first request. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import {
  connect,
  createServer as createTcpServer,
  Socket,
  type AddressInfo,
  type Server as TcpServer,
} from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { parseAddress } from '../../src/core/address.js';
import { toEndpoint } from '../../src/core/endpoint.js';
import type { Channel, TransportOptions } from '../../src/core/transport.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { nameInstance } from '../../src/service/instance-naming.js';
import { RecordingHandler } from '../../src/testing/suites/recording-handler.js';
import { defaultTransport } from '../../src/transport/default-transport.js';
import { authority, type Authority } from '../real/certificates.js';

let ca: Authority | undefined;

async function startServer(
  server: TcpServer,
  secure: boolean,
): Promise<{ address: string; connections: () => number }> {
  let connections = 0;
  server.on('connection', (socket) => {
    connections++;
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return {
    address: `${secure ? 'https' : 'http'}://127.0.0.1:${String(port)}`,
    connections: () => connections,
  };
}

/** A program that counts the requests it sees. */
function countingProgram(): { readonly listener: RequestListener; readonly seen: string[] } {
  const seen: string[] = [];
  const listener: RequestListener = (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      seen.push(`${String(request.method)} ${body}`);
      response.end('done');
    });
  };
  return { listener, seen };
}

function open(address: string, options: Partial<TransportOptions> = {}): Channel {
  const transport = defaultTransport(
    { connections: 4, maxSockets: 100, tls: {}, undici: {}, ...options },
    systemClock,
  );
  const endpoint = toEndpoint({ id: 'a', address, namesInstance: true, host: 'there' }, 'a test');
  const channel = transport.open(endpoint, [parseAddress(address)], 'orders.clerk');
  onTestFinished(() => channel.destroy(new Error('The test has ended')));
  return channel;
}

async function post(channel: Channel, body = 'order', freshOnly = true): Promise<RecordingHandler> {
  const handler = new RecordingHandler();
  channel.dispatch({ path: '/', method: 'POST', headers: {}, body }, handler, freshOnly);
  await handler.ended;
  return handler;
}

const notSent = { calls: ['onError'], error: expect.objectContaining({ code: 'OTHER_INSTANCE' }) as Error };

test('a connection to the instance is checked once, and the program does not see the check', async () => {
  const { listener, seen } = countingProgram();
  const server = createServer(listener);
  nameInstance(server, 'b');
  nameInstance(server, 'a');
  const { address, connections } = await startServer(server, false);
  let checks = 0;
  server.on('connection', (socket: Socket) => {
    socket.on('data', (data: Buffer) => {
      if (data.toString().startsWith('OPTIONS / ')) checks++;
    });
  });
  const channel = open(address);
  for (const body of ['one', 'two', 'three']) {
    expect((await post(channel, body)).body).toBe('done');
    // The connection becomes free after the response has ended.
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(seen).toEqual(['POST one', 'POST two', 'POST three']);
  expect([connections(), checks]).toEqual([1, 1]);
});

test.each(['another instance', 'a program that names no instance', 'a peer that speaks another protocol'])(
  'no byte of a call reaches %s',
  async (who) => {
    const { listener, seen } = countingProgram();
    const received: string[] = [];
    const http = createServer(listener);
    if (who === 'another instance') nameInstance(http, 'b');
    const tcp = createTcpServer((socket) =>
      socket.on('data', (data) => {
        received.push(data.toString());
        socket.write('220 mail.example ESMTP\r\n\r\n');
      }),
    );
    const server = who === 'a peer that speaks another protocol' ? tcp : http;
    const { address } = await startServer(server, false);
    const channel = open(address);
    expect(await post(channel)).toMatchObject(notSent);
    expect(await post(channel, 'order', false)).toMatchObject(notSent);
    expect(seen.filter((line) => line.startsWith('POST'))).toEqual([]);
    expect(received.filter((text) => text.includes('order\n') || text.startsWith('POST'))).toEqual([]);
    await expect(channel.probe(20_000)).rejects.toMatchObject({ errors: [{ code: 'OTHER_INSTANCE' }] });
  },
);

test('a server that keeps no connection open is checked on a connection of its own', async () => {
  const { listener, seen } = countingProgram();
  const server = createServer(listener);
  server.maxRequestsPerSocket = 1;
  nameInstance(server, 'a');
  const { address, connections } = await startServer(server, false);
  const channel = open(address);
  expect((await post(channel, 'one')).body).toBe('done');
  expect(seen).toEqual(['POST one']);
  expect(connections()).toBe(2);
});

test.each(['HTTP/1.1 over TLS', 'HTTP/2'])(
  'the instance behind a connection over %s is checked too',
  async (protocol) => {
    ca ??= await authority('test authority');
    const certificate = await ca.issue('127.0.0.1');
    const { listener, seen } = countingProgram();
    const isH2 = protocol === 'HTTP/2';
    const start = () =>
      (isH2
        ? createSecureServer(certificate, listener as never)
        : createTlsServer(certificate, listener)) as unknown as Server;
    const own = start();
    nameInstance(own, 'a');
    const other = start();
    nameInstance(other, 'b');
    const options = { tls: { ca: ca.cert }, undici: { allowH2: isH2 } };
    const right = open((await startServer(own, true)).address, options);
    expect((await post(right, 'right')).body).toBe('done');
    const wrong = open((await startServer(other, true)).address, options);
    expect(await post(wrong, 'wrong')).toMatchObject(notSent);
    expect(seen).toEqual(['POST right']);
  },
);

test('loopback of this host is not checked, loopback of another host is', async () => {
  const { listener, seen } = countingProgram();
  const { address } = await startServer(createServer(listener), false);
  const here = open(address, { locality: { host: 'there' } });
  expect((await post(here, 'here')).body).toBe('done');
  const elsewhere = open(address, { locality: { host: 'here' } });
  expect(await post(elsewhere, 'elsewhere')).toMatchObject(notSent);
  expect(seen.filter((line) => line.startsWith('POST'))).toEqual(['POST here']);
});

test('a check that gets no answer ends with its connection', async () => {
  const silent = createTcpServer((socket) => socket.once('data', () => socket.destroy()));
  const { address } = await startServer(silent, false);
  expect(await post(open(address))).toMatchObject(notSent);
});

test.each(['HTTP/1.1', 'HTTP/2'])(
  'the second connection of a check over %s is not dialed further once no call waits for it',
  async (protocol) => {
    const isH2 = protocol === 'HTTP/2';
    ca ??= await authority('test authority');
    const { listener } = countingProgram();
    const server = isH2
      ? createSecureServer(await ca.issue('127.0.0.1'), listener as never)
      : createServer(listener);
    if (!isH2) (server as Server).maxRequestsPerSocket = 1;
    nameInstance(server, 'a');
    const { address } = await startServer(server, isH2);
    const { port } = server.address() as AddressInfo;
    let dialed!: (socket: Socket) => void;
    const secondDial = new Promise<Socket>((resolve) => (dialed = resolve));
    let dials = 0;
    const channel = open(address, {
      undici: {
        allowH2: isH2,
        connect: (_options: unknown, callback: (error: Error | null, socket: Socket | null) => void) => {
          if (++dials > 1) {
            // It never connects, as to a host that drops SYN packets.
            const silent = new Socket();
            silent.once('error', (error) => callback(error, null));
            dialed(silent);
            return silent;
          }
          const socket: Socket = isH2
            ? connectTls({ port, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
            : connect(port, '127.0.0.1');
          socket.once(isH2 ? 'secureConnect' : 'connect', () => callback(null, socket));
          socket.once('error', (error) => callback(error, null));
          return socket;
        },
      },
    });
    const handler = new RecordingHandler();
    channel.dispatch({ path: '/', method: 'POST', headers: {} }, handler, true);
    const socket = await secondDial;
    expect(socket.destroyed).toBe(false);
    channel.cancelQueued?.(handler);
    await channel.close();
    expect(socket.destroyed).toBe(true);
  },
);
