import type { Stage } from '../core/outcome.js';
import { codeOf } from './error-code.js';

/** undici's errors after unsolicited 100 and 101 responses have no code of their own, so the messages are matched. */
const unsolicitedResponse = /^bad (response|upgrade)$/;
/** HTTP/2 errors that malformed frames or headers of the endpoint cause. */
const malformedStream =
  /NGHTTP2_(PROTOCOL_ERROR|FRAME_SIZE_ERROR|FLOW_CONTROL_ERROR|COMPRESSION_ERROR|ENHANCE_YOUR_CALM|HTTP_1_1_REQUIRED)/;

/**
 * Whether an attempt failed because the endpoint broke the rules of HTTP. Such a call ends with `RESPONSE_INVALID`, and
 * is not retried.
 *
 * @param statusCode - 0 before the response headers
 */
export function isInvalidResponse(error: Error, stage: Stage, statusCode: number): boolean {
  if (stage === 'waiting') return false;
  if (error.name === 'HTTPParserError') return !error.message.includes('Invalid EOF state');
  switch (codeOf(error)) {
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'ERR_ASSERTION':
      return true;
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      // With any other status, a body of the wrong length means that the connection was lost.
      return stage === 'sent' || statusCode === 204 || statusCode === 304;
    case 'UND_ERR_SOCKET':
      return unsolicitedResponse.test(error.message);
    case 'ERR_HTTP2_STREAM_ERROR':
    case 'ERR_HTTP2_SESSION_ERROR':
      return malformedStream.test(error.message);
    default:
      return codeOf(error) === 'ERR_HTTP2_ERROR';
  }
}
