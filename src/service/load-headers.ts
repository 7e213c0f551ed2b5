/**
 * Tells a service's load in the heads of its server's answers: once a connection for each time that the load is looked
 * at, so on four answers a second of a connection at most. Every clerk that calls hears of it with its next call, and the
 * other answers stay as short as they were. A header that the handler sets itself stands.
 *
 * @see gRPC A51 (ORCA)
 */
import { answerHeaders } from '../wire/call-headers.js';
import { isHttp2, type ServerLike } from './listening.js';
import type { OwnLoad } from './own-load.js';

type Listener = (...args: unknown[]) => void;

/** What of a server's event emitter is used beyond {@link ServerLike}, where it is there. */
interface Emitter extends ServerLike {
  prependListener?(event: string, listener: Listener): unknown;
  listenerCount?(event: string): number;
}

interface Incoming {
  readonly socket?: object;
  readonly stream?: { readonly session?: object };
}

interface Outgoing {
  readonly headersSent: boolean;
  hasHeader(name: string): boolean;
  setHeader(name: string, value: string): unknown;
}

/** Tells it from now on. Returns what ends that. */
export function tellWithAnswers(server: ServerLike, load: OwnLoad): () => void {
  const emitter: Emitter = server;
  /** Which text each connection was told last. */
  const told = new WeakMap<object, number>();
  const onRequest: Listener = (request, response) => {
    const { text, serial } = load;
    if (text === undefined) return;
    const connection = connectionOf(request as Incoming);
    if (connection === undefined || told.get(connection) === serial) return;
    if (isTold(response as Outgoing, text)) told.set(connection, serial);
  };
  // Before the program's own handler, which may answer at once.
  const begin = (): unknown =>
    emitter.prependListener?.('request', onRequest) ?? emitter.on('request', onRequest);
  const onNewListener: Listener = (event) => {
    if (event !== 'request') return;
    emitter.off('newListener', onNewListener);
    begin();
  };
  // An HTTP/2 server makes requests of its streams from when somebody asks for them: a program that handles streams
  // itself must not be given them twice.
  if (isHttp2(server) && emitter.listenerCount?.('request') === 0) emitter.on('newListener', onNewListener);
  else begin();
  return () => {
    emitter.off('newListener', onNewListener);
    emitter.off('request', onRequest);
  };
}

function connectionOf({ stream, socket }: Incoming): object | undefined {
  return stream?.session ?? socket;
}

/** Whether it is told with this answer. */
function isTold(response: Outgoing, text: string): boolean {
  try {
    if (response.headersSent || response.hasHeader(answerHeaders.load)) return false;
    response.setHeader(answerHeaders.load, text);
    return true;
  } catch {
    // An HTTP/2 stream that was reset takes no headers any more.
    return false;
  }
}
