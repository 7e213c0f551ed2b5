import type { Clock } from '../../core/clock.js';
import type { Store } from '../ports.js';
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
