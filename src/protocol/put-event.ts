import type { WatchEntry, WatchEvent } from './watch-messages.js';

const jsonOf = new WeakMap<WatchEvent, string>();

/**
 * Returns a `put` whose entry is parsed only when the entry is read. The entry of a large service is sent to many
 * clients as text, so this process rarely reads the entry.
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

/** Returns a copy of a `put` with one text of its entry replaced. */
export function replaceInPut(
  event: Extract<WatchEvent, { readonly type: 'put' }>,
  from: string,
  to: string,
): WatchEvent {
  const json = eventJson(event);
  const changed = json.replace(from, to);
  if (changed === json) return event;
  let entry: WatchEntry | undefined;
  const { name, statedAt } = event;
  const copy: WatchEvent = {
    type: 'put',
    name,
    get entry() {
      return (entry ??= (JSON.parse(changed) as typeof event).entry);
    },
    statedAt,
  };
  jsonOf.set(copy, changed);
  return copy;
}

/** Returns the JSON of an event. Each event is serialized at most once. */
export function eventJson(event: WatchEvent): string {
  let json = jsonOf.get(event);
  if (json === undefined) jsonOf.set(event, (json = JSON.stringify(event)));
  return json;
}
