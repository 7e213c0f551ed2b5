import { constants, createSecureServer, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Certificate } from './certificates.js';
import { probeUserAgent } from './raw-peer.js';

/**
 * What the peer does with each stream. `goaway-below` claims not to have processed it, `goaway-above` claims
 * it has.
 */
export type StreamBehavior =
  | 'respond'
  | 'refused-stream'
  | 'internal-error'
  | 'cancel'
  | 'goaway-below'
  | 'goaway-above'
  | 'session-lost'
  | 'no-response';

/** An HTTP/2 server over TLS that treats streams and their session as its behavior says. */
export interface H2Peer {
  readonly address: string;
  behavior: StreamBehavior;
  /** Paths of all streams except health probes. */
  readonly streams: readonly string[];
  /** Paths of the streams that were executed, whatever the peer claimed. */
  readonly executed: readonly string[];
  readonly authorities: readonly string[];
}

/** Starts a peer on a free loopback port; it ends with the test. */
export async function h2Peer(identity: Certificate, behavior: StreamBehavior): Promise<H2Peer> {
  const streams: string[] = [];
  const executed: string[] = [];
  const authorities: string[] = [];
  const sessions = new Set<Http2Session>();
  const server = createSecureServer(identity);
  const peer = { address: '', behavior, streams, executed, authorities };
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    if (headers['user-agent'] === probeUserAgent) {
      stream.respond({ ':status': 204 }, { endStream: true });
      return;
    }
    streams.push(String(headers[':path']));
    authorities.push(String(headers[':authority']));
    if (peer.behavior !== 'refused-stream' && peer.behavior !== 'goaway-below')
      executed.push(String(headers[':path']));
    respond(stream, peer.behavior);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
    for (const session of sessions) session.destroy();
    await closed;
  });
  peer.address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return peer;
}

function respond(stream: ServerHttp2Stream, behavior: StreamBehavior): void {
  const session = stream.session as Http2Session;
  switch (behavior) {
    case 'refused-stream':
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      break;
    case 'internal-error':
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      break;
    case 'cancel':
      stream.close(constants.NGHTTP2_CANCEL);
      break;
    case 'goaway-below':
      session.goaway(
        constants.NGHTTP2_NO_ERROR,
        (stream.id as number) - 2 < 0 ? 0 : (stream.id as number) - 2,
      );
      setImmediate(() => session.destroy());
      break;
    case 'goaway-above':
      session.goaway(constants.NGHTTP2_NO_ERROR, stream.id);
      setImmediate(() => session.destroy());
      break;
    case 'session-lost':
      session.destroy();
      break;
    case 'respond':
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.end('{"ok":true}');
      break;
    case 'no-response':
      break;
  }
}
