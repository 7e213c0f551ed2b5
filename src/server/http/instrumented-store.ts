import type { Clock } from '../../core/clock.js';
import type { Store } from '../ports.js';
import type { SharedLog } from '../shared-log.js';
import type { Metrics } from './metrics.js';

export function instrumentStore(store: Store, clock: Clock, metrics: Metrics): Store {
  return {
    get folderIdentity() {
      return store.folderIdentity;
    },
    load: () => store.load(),
    write: async (changes) => {
      const startedAt = clock.now();
      try {
        await store.write(changes);
      } catch (error) {
        metrics.commitFailures += 1;
        throw error;
      }
      metrics.commitSeconds.observe((clock.now() - startedAt) / 1_000);
      metrics.committedRecords += changes.length;
    },
    recover: () => store.recover(),
    close: () => store.close(),
  };
}

/** Measures each append as a commit. Does not count records, because a log does not know how many a batch has. */
export function instrumentLog(log: SharedLog, clock: Clock, metrics: Metrics): SharedLog {
  return {
    subject: log.subject,
    open: () => log.open(),
    readSnapshot: () => log.readSnapshot(),
    readAfter: (position) => log.readAfter(position),
    head: () => log.head(),
    append: async (after, id, content) => {
      const startedAt = clock.now();
      try {
        const outcome = await log.append(after, id, content);
        if (outcome === 'appended') metrics.commitSeconds.observe((clock.now() - startedAt) / 1_000);
        return outcome;
      } catch (error) {
        metrics.commitFailures += 1;
        throw error;
      }
    },
    onHint: (listener) => log.onHint(listener),
    saveSnapshot: (point, parts, dropUpTo) => log.saveSnapshot(point, parts, dropUpTo),
    openSession: (id, ttlMs) => log.openSession(id, ttlMs),
    sessions: () => log.sessions(),
    close: () => log.close(),
  };
}
