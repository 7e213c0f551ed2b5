/** Returns the origin of a request of undici as text; an empty text for a request without an origin. */
export function requestOrigin(
  request: { readonly origin?: string | URL | null | undefined } | null | undefined,
): string {
  const origin = request?.origin;
  return typeof origin === 'string' ? origin : (origin?.origin ?? '');
}
