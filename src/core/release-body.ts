/** Destroys or cancels a request body that will not be read. Never throws. */
export function releaseBody(body: unknown, error: unknown): void {
  if (typeof body !== 'object' || body === null) return;
  if (body instanceof ReadableStream) {
    if (!body.locked) body.cancel(error).catch(() => undefined);
  } else if (isStream(body)) {
    body.on('error', () => undefined);
    body.destroy(error);
  }
}

interface StreamLike {
  on(event: 'error', listener: () => void): unknown;
  destroy(error: unknown): unknown;
}

function isStream(body: object): body is StreamLike {
  return 'pipe' in body && 'on' in body && 'destroy' in body;
}
