import { isObject } from '../../../core/is-object.js';
import type { HintEvents } from '../hint-stream.js';
import type { EtcdGateway } from './etcd-gateway.js';
import { decodePoint } from './etcd-head.js';
import { rangeOf, textOf, type EtcdKeyValue } from './etcd-messages.js';

/**
 * Watches the key `head` of a log, and sends a hint for each change.
 *
 * @returns a function that ends the watch
 */
export function watchHead(gateway: EtcdGateway, head: string, events: HintEvents): () => void {
  let stop: () => void = () => undefined;
  const end = (): void => {
    stop();
    events.onEnd();
  };
  stop = gateway.openStream(
    '/watch',
    { create_request: rangeOf(head) },
    {
      onMessage: (message) => {
        const result = isObject(message) ? message['result'] : undefined;
        // etcd cancels a watch when its token has expired or its user has lost access, so log in before the next watch.
        if (!isObject(result) || result['canceled'] === true) {
          gateway.renewToken().then(end, end);
          return;
        }
        const changes = (result['events'] ?? []) as readonly { readonly kv?: EtcdKeyValue }[];
        const pair = changes.at(-1)?.kv;
        events.onHint(pair && decodePoint(textOf(pair))?.position);
      },
      onEnd: () => events.onEnd(),
    },
  );
  return stop;
}
