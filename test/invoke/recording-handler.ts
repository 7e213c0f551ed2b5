import type { RequestHandler } from '../../src/core/transport.js';

/** A request handler that logs every call of its methods. */
export function recordingHandler(): RequestHandler & { readonly log: string[] } {
  const log: string[] = [];
  return {
    log,
    onConnect: () => void log.push('connect'),
    onHeaders(statusCode, headers, _resume, statusText) {
      const pairs = headers.flatMap((name, i) =>
        i % 2 === 0 ? [`${String(name)}=${String(headers[i + 1])}`] : [],
      );
      log.push(['head', statusCode, statusText, ...pairs].join(' '));
      return true;
    },
    onData(chunk) {
      log.push(`data ${String(chunk)}`);
      return true;
    },
    onComplete: (trailers) => void log.push(`complete ${String(trailers)}`),
    onError: (error) => void log.push(`error ${error.message}`),
    onUpgrade: () => void log.push('upgrade'),
  };
}
