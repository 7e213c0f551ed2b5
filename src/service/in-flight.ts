/** Counts the requests that a server is working on, from when it is first asked to. Changes nothing about them. */
import { isHttp2, type ServerLike } from './listening.js';

/** Something that ends. */
interface Ending {
  once(event: 'close', listener: () => void): unknown;
}

/** See the file's header. */
export class InFlight {
  #count = 0;
  #onQuiet: (() => void)[] = [];

  /** @param server - of `node:http`, `node:https` or `node:http2`; undefined where there is none to count at */
  constructor(server: ServerLike | undefined) {
    if (server === undefined) return;
    // HTTP/2 servers tell of streams, whether or not they are handled as requests.
    if (isHttp2(server)) server.on('stream', (stream) => this.#began(stream as Ending));
    else server.on('request', (_request, response) => this.#began(response as Ending));
  }

  /** Resolves when there is none. */
  quiet(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onQuiet.push(resolve));
  }

  #began(ending: Ending): void {
    this.#count++;
    ending.once('close', () => {
      if (--this.#count > 0) return;
      for (const resolve of this.#onQuiet.splice(0)) resolve();
    });
  }
}
