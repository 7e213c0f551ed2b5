/**
 * The URL of the clients of a pool. Several names may share the pool. undici reads `origin` for each request, and
 * publishes the origin on undici's diagnostics channels. The pool sets `origin` before each request.
 */
export class SharedOrigin extends URL {
  override origin: string;

  constructor(origin: string) {
    super(origin);
    this.origin = origin;
  }
}
