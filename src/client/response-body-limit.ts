import {
  decodedRatioError,
  freeDecodedBytes,
  maxDecodedRatio,
  responseTooLargeError,
} from '../core/response-limit.js';

/** Counts the received bytes of a response body, before decoding. */
export interface EncodedSize {
  encodedBytes: number;
}

const readMethods = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;
type ReadMethod = (typeof readMethods)[number];
type ReadMethods = Readonly<Record<ReadMethod | 'clone', (this: Response) => unknown>>;

/**
 * Limits the size of the bodies that the methods of a `Response` read whole, such as `text()`. The stream `body` has
 * no limit. If a body exceeds the limit, the method rejects with a `TypeError`, as `fetch` does. The cause of the error
 * is a `ClerkError` with the code `BODY_TOO_LARGE`.
 */
export class ResponseBodyLimit {
  readonly #maxBytes: number;
  readonly #sizes = new WeakMap<Response, EncodedSize>();
  /** Prototypes with limited read methods, by the original prototype of the response. */
  readonly #prototypes = new WeakMap<object, object>();

  /** @param maxBytes - maximum size of a body in bytes, after decoding; `Infinity` for no limit */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  apply(response: Response, size: EncodedSize): void {
    if (this.#maxBytes === Infinity || response.body === null) return;
    this.#sizes.set(response, size);
    const base = Object.getPrototypeOf(response) as object;
    let prototype = this.#prototypes.get(base);
    if (prototype === undefined) {
      prototype = this.#limitedPrototype(base as unknown as ReadMethods);
      this.#prototypes.set(base, prototype);
    }
    Object.setPrototypeOf(response, prototype);
  }

  #limitedPrototype(base: ReadMethods): object {
    const methods: PropertyDescriptorMap = {};
    const define = (name: string, run: (response: Response) => unknown): void => {
      const value = function (this: Response): unknown {
        return run(this);
      };
      methods[name] = { value, writable: true, enumerable: true, configurable: true };
    };
    for (const method of readMethods)
      define(method, (response) => this.#read(response, method, () => base[method].call(response)));
    define('clone', (response) => {
      const copy = base.clone.call(response) as Response;
      this.apply(copy, this.#sizes.get(response) as EncodedSize);
      return copy;
    });
    return Object.create(base, methods) as object;
  }

  async #read(response: Response, method: ReadMethod, readUnlimited: () => unknown): Promise<unknown> {
    const { body, bodyUsed, headers } = response;
    if (body === null || bodyUsed || body.locked || this.#fits(headers)) return readUnlimited();
    const bytes = await this.#collect(response, body.getReader());
    switch (method) {
      case 'text':
        return new TextDecoder().decode(bytes);
      case 'json':
        return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
      case 'bytes':
        return bytes;
      case 'arrayBuffer':
        return bytes.buffer;
      default: {
        const type = headers.get('content-type');
        const Copy = response.constructor as typeof Response;
        return new Copy(bytes, type === null ? {} : { headers: { 'content-type': type } })[method]();
      }
    }
  }

  /** Whether `content-length` is within the limit. If so, the body ends at this length, and no count is needed. */
  #fits(headers: Headers): boolean {
    const length = headers.get('content-length');
    return length !== null && Number(length) <= this.#maxBytes && headers.get('content-encoding') === null;
  }

  async #collect(
    response: Response,
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const size = this.#sizes.get(response) as EncodedSize;
    const isEncoded = response.headers.get('content-encoding') !== null;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.byteLength;
      const isBomb = isEncoded && bytes > freeDecodedBytes && bytes > maxDecodedRatio * size.encodedBytes;
      if (isBomb || bytes > this.#maxBytes) {
        const error = isBomb
          ? decodedRatioError(response.url)
          : responseTooLargeError(response.url, this.#maxBytes);
        reader.cancel(error).catch(() => undefined);
        throw new TypeError('terminated', { cause: error });
      }
      chunks.push(value);
    }
    const whole = new Uint8Array(bytes);
    let offset = 0;
    for (const chunk of chunks) {
      whole.set(chunk, offset);
      offset += chunk.byteLength;
    }
    return whole;
  }
}
