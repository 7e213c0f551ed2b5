import * as undici from 'undici';
import { readFileSync } from 'node:fs';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { systemStoreHttp } from '../../../src/runtime/system-store-http.js';
import { systemHashing } from '../../../src/runtime/hashing.js';
import type { StoreHttp } from '../../../src/core/store-http.js';
import type { SharedLog } from '../../../src/server/shared-log.js';
import { sharedLogOf } from '../../../src/server/store/shared-log-of.js';

/**
 * Returns the log at the URL of a store, with real time and sockets.
 *
 * @param wrap - replaces the HTTP client, to lose requests and responses
 */
export function logAt(url: string, wrap = (http: StoreHttp): StoreHttp => http): SharedLog {
  return sharedLogOf(url, {
    clock: systemClock,
    randomHex: (bytes) => systemHashing.randomHex(bytes),
    readFile: (path) => readFileSync(path, 'utf8'),
    http: (tls) => wrap(systemStoreHttp({ undici: () => undici, clock: systemClock, tls })),
    warn: () => undefined,
  });
}

/** Opens logs, and closes them when the test ends. */
export class OpenLogs {
  readonly #logs: SharedLog[] = [];

  connect(url: string, wrap?: (http: StoreHttp) => StoreHttp): SharedLog {
    const log = logAt(url, wrap);
    this.#logs.push(log);
    return log;
  }

  async open(url: string, wrap?: (http: StoreHttp) => StoreHttp): Promise<SharedLog> {
    const log = this.connect(url, wrap);
    await log.open();
    return log;
  }

  async close(): Promise<void> {
    await Promise.all(this.#logs.splice(0).map((log) => log.close()));
  }
}
