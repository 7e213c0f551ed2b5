/** How a whole body becomes what the program asked for. */
import { ClerkError, errorMessage } from '../core/errors.js';

/** @throws {@link ClerkError} `BAD_STATUS` for a body that is no JSON */
export function parseJson(name: string, body: Buffer, statusCode: number): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new ClerkError(
      'BAD_STATUS',
      `${name} answered with status ${String(statusCode)} and a body that is no JSON: ${errorMessage(error)}`,
      {
        execution: 'done',
        statusCode,
        cause: error,
      },
    );
  }
}

/** As UTF-8. */
export function asText(body: Buffer): string {
  return body.toString('utf8');
}

/** The same bytes, without what a `Buffer` adds. */
export function asBytes(body: Buffer): Uint8Array {
  return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
}
