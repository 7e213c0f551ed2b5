import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { ClerkError } from '../../core/errors.js';
import { encodeError } from '../../protocol/error-codec.js';
import { limits } from '../../protocol/limits.js';

/** Sends an error response to a request that node:http cannot parse, or that arrives too slowly. */
export function rejectMalformed(
  error: Error & { code?: string },
  socket: Duplex,
  insecureHeader: string,
): void {
  if (!socket.writable || error.code === 'ECONNRESET' || isTlsError(error)) {
    socket.destroy();
    return;
  }
  const [status, code, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ([
          431,
          'LIMIT_EXCEEDED',
          `The request headers must be at most ${limits.maxHeaderBytes} bytes; send fewer headers`,
        ] as const)
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ([
            408,
            'DEADLINE_EXCEEDED',
            'The request must arrive within 10 s, and its headers within 5 s; send the request again',
          ] as const)
        : ([400, 'CONFIG_INVALID', 'The request must be valid HTTP/1.1'] as const);
  const body = JSON.stringify(encodeError(new ClerkError(code, message)));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\n${insecureHeader}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** Whether an error is a TLS error. After such an error, no response is sent, because the client could not read it. */
function isTlsError({ code = '' }: { code?: string }): boolean {
  return /^ERR_(SSL|TLS)_/.test(code);
}
