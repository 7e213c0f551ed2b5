import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { limits } from '../../../src/protocol/limits.js';
import {
  OpenWatches,
  type OpenWatchesOptions,
  type WatchClient,
} from '../../../src/server/http/open-watches.js';
import { ManualClock } from '../../support/manual-clock.js';

class FakeResponse extends EventEmitter {
  readonly writableLength = 0;
  readonly #ignore = (): void => undefined;
  readonly setTimeout = this.#ignore;
  readonly writeHead = this.#ignore;
  readonly flushHeaders = this.#ignore;
}

test('the names of the watches of all principals have a maximum length together', () => {
  let ids = 0;
  const watches = new OpenWatches({
    names: { status: () => ({ incarnation: 'x' }) },
    runtime: Object.assign(new ManualClock(), { randomHex: () => String(ids++) }),
    metrics: {},
    maxWatches: limits.maxWatches,
    onWritten: () => undefined,
  } as unknown as OpenWatchesOptions);
  const glob = 'x'.repeat(limits.maxGlobBytes);
  const open = (principal: string, globs: readonly string[]): FakeResponse => {
    const watch = { globBytes: globs.join('').length, close: () => undefined };
    const queries = { watch: () => watch } as unknown as WatchClient['queries'];
    const incoming = { socket: { setNoDelay: () => undefined } } as unknown as IncomingMessage;
    const outgoing = new FakeResponse();
    watches.open({ globs }, { principal, queries }, incoming, outgoing as unknown as ServerResponse, {});
    return outgoing;
  };
  const count = limits.maxGlobBytesOfAll / limits.maxGlobBytes;
  const opened = Array.from({ length: count }, (_, i) => open(`p${String(i)}`, [glob]));
  expect(() => open('last', ['/a'])).toThrow(
    `The names and globs of all watches of all clients must have at most ${String(limits.maxGlobBytesOfAll)} characters`,
  );
  opened[0]?.emit('close');
  open('last', [glob]);
  expect(() => open('other', ['/a'])).toThrow('The names and globs of all watches');
});
