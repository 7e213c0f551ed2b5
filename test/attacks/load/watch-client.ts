import { request } from 'undici';
import type { AttackedRegistry } from './attacked-registry.js';

export interface WatchClient {
  readonly status: number;
  /** Events by type, as received so far. */
  readonly counts: ReadonlyMap<string, number>;
  /** Resolves when this number of events of a type has arrived. Rejects if the stream ends before. */
  untilReceived(type: string, count: number): Promise<void>;
  close(): void;
}

/** Opens a watch and reads its events. A refused watch has a status other than 200. */
export async function openWatch(
  { url, agent }: Pick<AttackedRegistry, 'url' | 'agent'>,
  globs: readonly string[],
): Promise<WatchClient> {
  const controller = new AbortController();
  const { statusCode, body } = await request(`${url}/v1/watch`, {
    dispatcher: agent,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ globs }),
    signal: controller.signal,
    bodyTimeout: 0,
  });
  const counts = new Map<string, number>();
  const waiting = new Set<() => void>();
  let hasEnded = false;
  const wake = (): void => {
    for (const check of [...waiting]) check();
  };
  const read = async (): Promise<void> => {
    let text = '';
    for await (const chunk of body) {
      text += String(chunk);
      for (const [, type = ''] of text.matchAll(/^event: (\w+)\n/gm))
        counts.set(type, (counts.get(type) ?? 0) + 1);
      // The rest may be the beginning of a line.
      text = text.slice(text.lastIndexOf('\n') + 1);
      wake();
    }
  };
  void read()
    .catch(() => undefined)
    .finally(() => {
      hasEnded = true;
      wake();
    });
  return {
    status: statusCode,
    counts,
    untilReceived: (type, count) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if ((counts.get(type) ?? 0) >= count) resolve();
          else if (hasEnded) reject(new Error(`The watch ended before its event ${type}`));
          else return;
          waiting.delete(check);
        };
        waiting.add(check);
        check();
      }),
    close: () => controller.abort(),
  };
}
