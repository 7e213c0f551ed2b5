import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Client } from 'undici';
import type { Address } from '../core/address.js';
import type { RequestHandler } from '../core/transport.js';
import { callHeaders, responseHeaders } from '../protocol/call-headers.js';
import { createConnector, type Dial } from './connector.js';
import { undici } from './load-undici.js';

export interface ExpectedInstance {
  readonly address: Address;
  readonly instance: string;
  readonly authority: string;
}

type DialCallback = Parameters<Dial>[1];

/** Maximum size of a response head. A service answers a check with about 150 bytes. */
const maxResponseBytes = 16_384;

/**
 * Asks on each new connection for the instance id, with an `OPTIONS` request. If another program answers, the dial
 * fails with `OTHER_INSTANCE`, before any byte of a call is written. With HTTP/2, the check uses a second connection to
 * the same address, because a session cannot pass its socket on to undici. If an HTTP/1.1 server closes the checked
 * connection, calls use a second connection.
 * @see [C2.7](../../docs/guarantees.md#c2-7)
 */
export function checkedDial(dial: Dial, expected: ExpectedInstance): Dial {
  return (requested, callback, onSocket) =>
    dial(requested, (...result: Parameters<DialCallback>) => {
      const [error, socket] = result;
      if (error !== null) {
        callback(...result);
        return;
      }
      const settle = (problem: Error | undefined): void => {
        if (problem === undefined) {
          callback(...result);
          return;
        }
        socket.destroy();
        callback(problem, null);
      };
      if ((socket as Partial<TLSSocket>).alpnProtocol === 'h2')
        checkSecondConnection(dial, socket, expected, settle);
      else
        checkSocket(socket, expected, settle, () => {
          const second = dial(requested, callback);
          onSocket?.(second);
        });
    });
}

function checkSocket(
  socket: Socket,
  expected: ExpectedInstance,
  onChecked: (problem: Error | undefined) => void,
  onClosing: () => void,
): void {
  let received = '';
  let isSettled = false;
  const settle = (problem: Error | undefined, isClosing = false): void => {
    if (isSettled) return;
    isSettled = true;
    socket.off('readable', onReadable).off('close', onClose);
    if (isClosing) {
      socket.destroy();
      onClosing();
      return;
    }
    // A destroyed socket may still emit 'error', so the listener stays after a failed check.
    if (problem === undefined) socket.off('error', onError);
    onChecked(problem);
  };
  const onError = (error: Error): void => settle(error);
  const onReadable = (): void => {
    for (let chunk: unknown = socket.read(); chunk !== null; chunk = socket.read())
      received += (chunk as Buffer).toString('latin1');
    const end = received.indexOf('\r\n\r\n');
    if (end < 0 && received.length <= maxResponseBytes) return;
    const lines = received.slice(0, Math.max(0, end)).split('\r\n');
    const valueOf = (name: string): string | undefined =>
      lines
        .map((line) => /^([^:]*):[ \t]*(.*?)[ \t]*$/.exec(line))
        .find((match) => match?.[1]?.toLowerCase() === name)?.[2];
    // A service answers a check with 204, so no byte follows the response headers.
    const isAnswer = /^HTTP\/1\.1 204 /.test(received) && end + 4 === received.length;
    const problem = problemOf(isAnswer ? valueOf(responseHeaders.instance) : undefined, expected);
    settle(problem, problem === undefined && /\bclose\b/i.test(valueOf('connection') ?? ''));
  };
  const onClose = (): void => settle(problemOf(undefined, expected));
  socket.on('readable', onReadable).once('close', onClose).on('error', onError);
  const headers = Object.entries({ host: expected.authority, ...checkHeaders(expected) });
  socket.write(`OPTIONS / HTTP/1.1\r\n${headers.map((pair) => `${pair.join(': ')}\r\n`).join('')}\r\n`);
}

function checkSecondConnection(
  dial: Dial,
  socket: Socket,
  expected: ExpectedInstance,
  onChecked: (problem: Error | undefined) => void,
): void {
  let connecting: Socket | undefined;
  const client: Client = new (undici().Client)(`https://${expected.authority}`, {
    connect: createConnector(dial, {
      onDial: (second) => (connecting = second),
      onConnected: () => (connecting = undefined),
    }),
    allowH2: true,
  });
  let isSettled = false;
  const settle = (problem: Error | undefined): void => {
    if (isSettled) return;
    isSettled = true;
    socket.off('close', onClose);
    if (problem === undefined) socket.off('error', settle);
    void client.destroy();
    // undici does not destroy a socket that is still connecting.
    connecting?.destroy();
    onChecked(problem);
  };
  const onClose = (): void => settle(problemOf(undefined, expected));
  socket.once('close', onClose).on('error', settle);
  const handler: RequestHandler = {
    onConnect: () => undefined,
    onHeaders: (status, headers) => {
      const named = undici().util.parseHeaders(headers)[responseHeaders.instance];
      settle(problemOf(status === 204 ? String(named) : undefined, expected));
      return true;
    },
    onData: () => true,
    onComplete: () => undefined,
    onUpgrade: () => undefined,
    onError: settle,
  };
  client.dispatch({ path: '/', method: 'OPTIONS', headers: checkHeaders(expected) }, handler);
}

function checkHeaders({ instance }: ExpectedInstance): Record<string, string> {
  return {
    'user-agent': 'binding-clerk (instance check)',
    [callHeaders.attemptCount]: '2',
    [callHeaders.instanceCheck]: instance,
  };
}

function problemOf(named: string | undefined, { address, instance }: ExpectedInstance): Error | undefined {
  if (named === instance) return undefined;
  return Object.assign(
    new Error(
      `Instance ${instance} did not answer at ${address.text}: ${
        named === undefined
          ? 'the program there did not state an instance id'
          : `instance ${named} answers there`
      }; the call was not sent`,
    ),
    { code: 'OTHER_INSTANCE' },
  );
}
