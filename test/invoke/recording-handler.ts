/** A handler that writes down what it hears. */
import type { RequestHandler } from '../../src/core/transport.js';

export function recordingHandler(): RequestHandler & { readonly heard: string[] } {
  const heard: string[] = [];
  return {
    heard,
    onConnect: () => void heard.push('connect'),
    onHeaders(statusCode, headers, _resume, statusText) {
      const pairs = headers.flatMap((name, i) =>
        i % 2 === 0 ? [`${String(name)}=${String(headers[i + 1])}`] : [],
      );
      heard.push(['head', statusCode, statusText, ...pairs].join(' '));
      return true;
    },
    onData(chunk) {
      heard.push(`data ${String(chunk)}`);
      return true;
    },
    onComplete: (trailers) => void heard.push(`complete ${String(trailers)}`),
    onError: (error) => void heard.push(`error ${error.message}`),
    onUpgrade: () => void heard.push('upgrade'),
  };
}
