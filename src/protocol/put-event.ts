import type { WatchEntry, WatchEvent } from './watch-messages.js';

const jsonOf = new WeakMap<WatchEvent, string>();

/**
 * Returns a `put` whose entry is parsed only on use. The entry of a large service is sent to many clients, and read by
 * none of this process.
 *
 * @param entryJson - the entry as JSON
 */
export function putEvent(name: string, entryJson: string, statedAt: number): WatchEvent {
  let entry: WatchEntry | undefined;
  const event: WatchEvent = {
    type: 'put',
    name,
    get entry() {
      return (entry ??= JSON.parse(entryJson) as WatchEntry);
    },
    statedAt,
  };
  jsonOf.set(
    event,
    `{"type":"put","name":${JSON.stringify(name)},"entry":${entryJson},"statedAt":${String(statedAt)}}`,
  );
  return event;
}

/** Returns the JSON of an event, which is made at most once. */
export function eventJson(event: WatchEvent): string {
  let json = jsonOf.get(event);
  if (json === undefined) jsonOf.set(event, (json = JSON.stringify(event)));
  return json;
}
