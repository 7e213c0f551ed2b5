import { ClerkError, errorMessage } from '../core/errors.js';

/**
 * Returns undefined for an empty body, such as that of a response with status 204.
 * @throws {@link ClerkError} `BODY_INVALID` when the body is not valid JSON
 */
export function parseJson(name: string, body: Buffer, statusCode: number): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new ClerkError(
      'BODY_INVALID',
      `Response of ${name} with status ${String(statusCode)} must have a JSON body; got invalid JSON: ${errorMessage(error)}`,
      {
        execution: 'done',
        statusCode,
        // The message of the parser quotes the body, so the cause gets the escaped message.
        cause: new SyntaxError(errorMessage(error)),
      },
    );
  }
}

export function asText(body: Buffer): string {
  return body.toString('utf8');
}

/** Returns a view of the memory of `body`, not a copy. */
export function asBytes(body: Buffer): Uint8Array {
  return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
}
