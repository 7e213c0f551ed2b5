export function connectionRefused(address: string): Error {
  return Object.assign(new Error(`connect ECONNREFUSED ${address}`), {
    code: 'ECONNREFUSED',
    syscall: 'connect',
  });
}

export function connectionReset(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
}

const refusedStreams = new WeakSet<Error>();

/** The error of a request that an HTTP/2 server rejected with REFUSED_STREAM. */
export function streamRefused(): Error {
  const error = Object.assign(new Error('Stream closed with error code NGHTTP2_REFUSED_STREAM'), {
    code: 'ERR_HTTP2_STREAM_ERROR',
  });
  refusedStreams.add(error);
  return error;
}

export function isStreamRefused(error: Error): boolean {
  return refusedStreams.has(error);
}
