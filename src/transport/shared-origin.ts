/**
 * The URL of the clients of a pool. undici publishes its `origin` on diagnostics channels. Names share the pool, so
 * the pool sets `origin` before each request.
 */
export class SharedOrigin extends URL {
  override origin: string;

  constructor(origin: string) {
    super(origin);
    this.origin = origin;
  }
}
