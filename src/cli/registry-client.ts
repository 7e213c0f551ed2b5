import type * as z from 'zod/mini';
import type { Clock } from '../core/clock.js';
import { definedFields } from '../core/defined-fields.js';
import { ClerkError } from '../core/errors.js';
import { paths } from '../protocol/paths.js';
import { exportResponse, importResponse } from '../protocol/response-schemas.js';
import { describeIssue } from '../protocol/schema-issues.js';
import type { RegistryConnection, RegistryRequest, RegistryResponse } from '../registry-client/connection.js';
import { FailoverClient } from '../registry-client/failover-client.js';
import { expectBody } from '../registry-client/json-response.js';

/** Maximum size of an export, in bytes. */
const maxExportBytes = 64 * 1024 * 1024;

/** A zod schema with its method `safeParse`. */
type ResponseSchema<T> = z.core.$ZodType<T> & { safeParse(value: unknown): z.core.util.SafeParseResult<T> };

/**
 * The registries of a command. A lookup is sent to the next registry when a registry does not respond. A change is sent
 * to the next registry only when the change was not sent to any registry before. A response without the documented
 * fields causes the error `REGISTRY_INVALID`. Fields that are not documented are dropped.
 */
export class RegistryClient {
  readonly #client: FailoverClient;
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  /** @param timeoutMs - timeout of one request, in ms, over all registries that are tried */
  constructor(connections: readonly RegistryConnection[], clock: Clock, timeoutMs: number) {
    this.#client = new FailoverClient(connections, clock);
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** Sends a GET request. */
  get<T>(
    path: string,
    schema: ResponseSchema<T>,
    query?: RegistryRequest['query'],
    maxResponseBytes?: number,
  ): Promise<T> {
    const headersTimeoutMs = this.#timeoutMs;
    const request: RegistryRequest = definedFields({ path, headersTimeoutMs, query, maxResponseBytes });
    return this.#withTimeout((signal) =>
      this.#client.request(request, { signal, hedged: true, parse: parser(path, schema) }),
    );
  }

  /** Sends a change as a POST request. */
  post<T>(path: string, schema: ResponseSchema<T>, body: object): Promise<T> {
    const request: RegistryRequest = { path, headersTimeoutMs: this.#timeoutMs, body };
    return this.#withTimeout((signal) =>
      this.#client.requestChange(request, { signal, parse: parser(path, schema) }),
    );
  }

  /** Returns the lines of an export. */
  export(): Promise<readonly object[]> {
    return this.get(paths.export, exportResponse, undefined, maxExportBytes);
  }

  /** @param lines - lines of JSON in the format of an export */
  import(lines: Uint8Array): Promise<z.core.output<typeof importResponse>> {
    return this.post(paths.import, importResponse, lines);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #withTimeout<T>(send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    // The connections do not keep the process alive, but this timer does.
    const timer = this.#clock.setTimer(() => {
      const urls = this.#client.connections.map(({ url }) => url).join(', ');
      controller.abort(
        new ClerkError(
          'REGISTRY_UNREACHABLE',
          `The registry at ${urls} did not respond within ${String(this.#timeoutMs)} ms`,
        ),
      );
    }, this.#timeoutMs);
    try {
      return await send(controller.signal);
    } finally {
      timer.cancel();
    }
  }
}

function parser<T>(
  path: string,
  schema: ResponseSchema<T>,
): (response: RegistryResponse, connection: RegistryConnection) => T {
  return (response, connection) => {
    const result = schema.safeParse(expectBody(response, connection, path));
    if (result.success) return result.data;
    throw new ClerkError(
      'REGISTRY_INVALID',
      `The response to ${path} at ${connection.url} is invalid: ${describeIssue(result.error.issues[0])}; check that the URL belongs to a registry of the same version as this command`,
    );
  };
}
