import type { ResolvedService } from '../core/resolution-result.js';
import { toEndpointInit } from '../core/to-endpoint-init.js';

export interface SnapshotLinesOptions {
  readonly maxNames: number;
  /** Maximum size of all lines, in bytes. */
  readonly maxBytes: number;
}

interface Line {
  readonly head: string;
  readonly rest: string;
  /** Size in bytes, with the line break. */
  readonly size: number;
}

const storedKeys = [
  'canonical',
  'policy',
  'timeoutMs',
  'attemptTimeoutMs',
  'retries',
  'revision',
  'incarnation',
  'position',
  'namesBelow',
] as const;

/** The lines of a snapshot file, by name. If a limit is exceeded, removes the results that were set first. */
export class SnapshotLines {
  readonly #options: SnapshotLinesOptions;
  readonly #lines = new Map<string, Line>();
  #bytes = 0;

  constructor(options: SnapshotLinesOptions) {
    this.#options = options;
  }

  get(name: string): string | undefined {
    const line = this.#lines.get(name);
    return line && line.head + line.rest;
  }

  load(name: string, line: string): void {
    this.#put(name, line, '');
  }

  /** @returns whether more than the request time has changed */
  set(resolved: ResolvedService): boolean {
    const { name, requestedWallAt, endpoints } = resolved;
    const fields = Object.fromEntries(storedKeys.map((key) => [key, resolved[key]]));
    const rest = JSON.stringify({ ...fields, endpoints: endpoints.map(toEndpointInit) }).slice(1);
    const isChanged = this.#lines.get(name)?.rest !== rest;
    this.delete(name);
    this.#put(name, `{"name":"${name}","requestedWallAt":${String(Math.floor(requestedWallAt))},`, rest);
    return isChanged;
  }

  delete(name: string): boolean {
    this.#bytes -= this.#lines.get(name)?.size ?? 0;
    return this.#lines.delete(name);
  }

  clear(): void {
    this.#lines.clear();
    this.#bytes = 0;
  }

  toText(): string {
    let text = '';
    for (const { head, rest } of this.#lines.values()) text += `${head}${rest}\n`;
    return text;
  }

  #put(name: string, head: string, rest: string): void {
    const size = Buffer.byteLength(head) + Buffer.byteLength(rest) + 1;
    this.#lines.set(name, { head, rest, size });
    this.#bytes += size;
    const { maxNames, maxBytes } = this.#options;
    for (const oldest of this.#lines.keys()) {
      if (this.#lines.size <= maxNames && this.#bytes <= maxBytes) break;
      this.delete(oldest);
    }
  }
}
