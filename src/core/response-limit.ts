import { ClerkError } from './errors.js';

/** Default size limit of a response body that is read whole, in bytes. */
export const defaultMaxResponseSize = 64 * 1024 * 1024;
/** Size up to which a decoded body may have any ratio to its encoded size, in bytes. */
export const freeDecodedBytes = 1024 * 1024;
/** Maximum size of a larger decoded body, as a multiple of its encoded size. */
export const maxDecodedRatio = 200;

/** @param subject - the response, such as `GET /orders of /shop/orders` */
export function responseTooLargeError(subject: string, maxBytes: number): ClerkError {
  return new ClerkError(
    'BODY_TOO_LARGE',
    `Response body of ${subject} exceeds maxResponseSize of ${String(maxBytes)} bytes; raise maxResponseSize of createClerk(), request a smaller response, or read the body as a stream`,
    { execution: 'done' },
  );
}

/** @param subject - the response, such as `http://orders.shop.clerk/orders` */
export function decodedRatioError(subject: string): ClerkError {
  return new ClerkError(
    'BODY_TOO_LARGE',
    `Response body of ${subject} is more than ${String(maxDecodedRatio)} times as large after decoding; request the response without a content encoding, or read the body as a stream`,
    { execution: 'done' },
  );
}
