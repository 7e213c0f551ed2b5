/** The errors of connections, as Node's sockets have them. */

/** The error of a connection that nobody accepts. */
export function connectionRefused(address: string): Error {
  return Object.assign(new Error(`connect ECONNREFUSED ${address}`), {
    code: 'ECONNREFUSED',
    syscall: 'connect',
  });
}

/** The error of a connection that was cut. */
export function connectionReset(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
}

const refusedStreams = new WeakSet<Error>();

/** The error of a request that was given back unprocessed. */
export function streamRefused(): Error {
  const error = Object.assign(new Error('Stream closed with error code NGHTTP2_REFUSED_STREAM'), {
    code: 'ERR_HTTP2_STREAM_ERROR',
  });
  refusedStreams.add(error);
  return error;
}

/** Whether an error says that a request was given back unprocessed. */
export function isStreamRefused(error: Error): boolean {
  return refusedStreams.has(error);
}
