import type * as z from 'zod/mini';
import type { Clock } from '../core/clock.js';
import { definedFields } from '../core/defined-fields.js';
import { ClerkError, errorMessage, isClerkError } from '../core/errors.js';
import { paths } from '../protocol/paths.js';
import { exportResponse, importResponse } from '../protocol/response-schemas.js';
import { describeIssue } from '../protocol/schema-issues.js';
import type { RegistryConnection, RegistryRequest, RegistryResponse } from '../registry-client/connection.js';
import { FailoverClient } from '../registry-client/failover-client.js';
import { expectBody } from '../registry-client/json-response.js';

type ResponseSchema<T> = z.core.$ZodType<T> & { safeParse(value: unknown): z.core.util.SafeParseResult<T> };

/**
 * Connects a command to the registries. A lookup tries each registry until one responds. A change tries another
 * registry only if no earlier one can have received the change.
 */
export class RegistryClient {
  readonly #client: FailoverClient;
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  constructor(connections: readonly RegistryConnection[], clock: Clock, timeoutMs: number) {
    this.#client = new FailoverClient(connections, clock);
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

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

  post<T>(path: string, schema: ResponseSchema<T>, body: object): Promise<T> {
    const request: RegistryRequest = { path, headersTimeoutMs: this.#timeoutMs, body };
    return this.#withTimeout((signal) =>
      this.#client.requestChange(request, { signal, parse: parser(path, schema) }),
    );
  }

  /**
   * Passes the lines of an export to `print` as they arrive. The timeout limits the time between two lines.
   *
   * @throws {@link ClerkError} when the export is incomplete; the message states the number of printed lines
   */
  async export(print: (lines: readonly object[]) => Promise<void>): Promise<void> {
    let count = 0;
    const timeout = this.#startTimeout();
    const onLines = async (lines: readonly unknown[]): Promise<void> => {
      const valid = parsed(paths.export, exportResponse, lines, 'the registry');
      count += valid.length;
      // The timeout stops here, because slow output is not a fault of the registry.
      timeout.stop();
      await print(valid);
      timeout.restart();
    };
    const request: RegistryRequest = { path: paths.export, headersTimeoutMs: this.#timeoutMs, onLines };
    const parse = (response: RegistryResponse, connection: RegistryConnection): void => {
      const body = expectBody(response, connection, paths.export);
      if (body !== undefined) parsed(paths.export, exportResponse, body, connection.url);
    };
    try {
      await this.#client.requestLines(request, { signal: timeout.signal, hasLines: () => count > 0, parse });
    } catch (error) {
      throw count === 0 ? error : incompleteError(error, count);
    } finally {
      timeout.stop();
    }
  }

  import(lines: Uint8Array): Promise<z.core.output<typeof importResponse>> {
    return this.post(paths.import, importResponse, lines);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #withTimeout<T>(send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const timeout = this.#startTimeout();
    try {
      return await send(timeout.signal);
    } finally {
      timeout.stop();
    }
  }

  /** Keeps the process alive, because the connections do not. */
  #startTimeout(): { readonly signal: AbortSignal; stop(): void; restart(): void } {
    const controller = new AbortController();
    const onTimeout = (): void => {
      const urls = this.#client.connections.map(({ url }) => url).join(', ');
      controller.abort(
        new ClerkError(
          'REGISTRY_UNREACHABLE',
          `The registry at ${urls} did not respond within ${String(this.#timeoutMs)} ms`,
        ),
      );
    };
    let timer = this.#clock.setTimer(onTimeout, this.#timeoutMs);
    return {
      signal: controller.signal,
      stop: () => timer.cancel(),
      restart: () => {
        timer = this.#clock.setTimer(onTimeout, this.#timeoutMs);
      },
    };
  }
}

function parser<T>(
  path: string,
  schema: ResponseSchema<T>,
): (response: RegistryResponse, connection: RegistryConnection) => T {
  return (response, connection) =>
    parsed(path, schema, expectBody(response, connection, path), connection.url);
}

function parsed<T>(path: string, schema: ResponseSchema<T>, body: unknown, url: string): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new ClerkError(
    'REGISTRY_INVALID',
    `The response to ${path} at ${url} is invalid: ${describeIssue(result.error.issues[0])}; check that the URL belongs to a registry of the same version as this command`,
  );
}

function incompleteError(error: unknown, count: number): ClerkError {
  return new ClerkError(
    isClerkError(error) ? error.code : 'REGISTRY_UNREACHABLE',
    `The export ended early, after ${count} ${count === 1 ? 'line' : 'lines'}: ${errorMessage(error)}. The output is incomplete; discard the output and repeat the command`,
    { cause: error },
  );
}
