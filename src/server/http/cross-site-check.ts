import type { IncomingHttpHeaders } from 'node:http';
import { quote } from '../../core/describe-value.js';
import { HttpError } from './http-error.js';

/**
 * Rejects requests that a browser sends for a page of another site (CSRF).
 *
 * @param host - value of the header `host`, which names this server
 * @throws {@link ClerkError} `FORBIDDEN` when `origin` or `sec-fetch-site` shows another site
 * @see [A25](../../../docs/guarantees.md#a25)
 */
export function checkSameSite(headers: IncomingHttpHeaders, host: string): void {
  const { origin } = headers;
  const site = headers['sec-fetch-site'];
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
    throw crossSiteError('origin', origin);
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw crossSiteError('sec-fetch-site', site);
}

function crossSiteError(header: string, value: string | readonly string[]): HttpError {
  return new HttpError(
    'FORBIDDEN',
    `The request must not come from a page of another site; got ${header} ${quote(value)}; send the request from a program or from a page of this server`,
  );
}
