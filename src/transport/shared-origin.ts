/**
 * A URL whose `origin` can be set. undici publishes the `origin` of a client's URL on diagnostics channels. Several
 * names share the clients of a pool, so the pool sets `origin` before each request.
 */
export class SharedOrigin extends URL {
  override origin: string;

  constructor(origin: string) {
    super(origin);
    this.origin = origin;
  }
}
