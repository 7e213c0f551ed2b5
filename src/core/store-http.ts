/** Port for requests to a database that speaks HTTP, such as the JSON gateway of etcd. */
export interface StoreHttp {
  /**
   * Resolves with the whole response, of any status.
   *
   * @throws {@link StoreHttpError} when the whole response did not arrive within `timeoutMs`
   */
  request(request: StoreRequest): Promise<StoreResponse>;
  /**
   * Sends a request whose response does not end by itself, and reports the lines of the response.
   *
   * @returns a function that closes the stream without a call of `onEnd`
   */
  openStream(request: StoreRequest, listener: StoreStreamListener): () => void;
  /** Ends all requests and streams, and closes all connections. */
  close(): Promise<void>;
}

export interface StoreRequest {
  /** Scheme, host and port, such as `https://10.0.0.7:2379`. */
  readonly origin: string;
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Limit for the whole response; for a stream, limit for the response headers. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface StoreResponse {
  readonly status: number;
  readonly body: string;
}

export interface StoreStreamListener {
  /** Receives each line of a response with a status below 400, without its line feed. */
  onLine(line: string): void;
  /** Called once, when the stream has ended. `response` is set only if the status of the response is 400 or higher. */
  onEnd(error: StoreHttpError | undefined, response?: StoreResponse): void;
}

/** TLS settings of the connections to a database, in PEM format. */
export interface StoreTls {
  /** Certificates of the authorities that are trusted in place of those of Node. */
  readonly ca?: string;
  /** Certificate chain that proves the identity of this client. */
  readonly cert?: string;
  /** Private key of `cert`. */
  readonly key?: string;
  /** Host name that the certificate of the database must contain, in place of the host of the URL. */
  readonly servername?: string;
}

/** Error of a request to a database that got no complete response. */
export class StoreHttpError extends Error {
  /** Whether the database certainly received no byte of the request. */
  readonly isUnsent: boolean;

  constructor(message: string, isUnsent: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'StoreHttpError';
    this.isUnsent = isUnsent;
  }
}
