/**
 * The URL of the clients of a pool that several names share. undici reads `origin` for each request, and publishes it
 * with the request on its diagnostics channels. `origin` is set before each request.
 */
export class SharedOrigin extends URL {
  override origin: string;

  constructor(origin: string) {
    super(origin);
    this.origin = origin;
  }
}
