import { hostnameOf } from '../core/clerk-hostname.js';

/**
 * The two origins of one name, such as `http://orders.shop.clerk` and `https://orders.shop.clerk`. Only endpoints
 * with TLS qualify for a request to the `https:` origin.
 */
export class ClerkOrigins {
  readonly http: string;
  readonly https: string;

  constructor(name: string) {
    const host = hostnameOf(name);
    this.http = `http://${host}`;
    this.https = `https://${host}`;
  }

  includes(origin: string): boolean {
    return origin === this.http || origin === this.https;
  }
}
