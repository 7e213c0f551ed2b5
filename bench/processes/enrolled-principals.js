/** A process that enrols many principals in an initialized data folder, without connections. Their keys are random pins. */
import { randomBytes } from 'node:crypto';
import { handleTasks } from '../lib/child-process.js';
import { forEachConcurrently } from '../lib/registry-requests.js';
import { internalUrl } from '../lib/subject.js';

handleTasks({
  /** @param {{ data: string, operator: import('../lib/secured-registry.js').Operator, count: number, subject?: string }} input */
  async enrol({ data, operator, count, subject }) {
    const [store, files, naming, { systemClock }, { systemHashing }] = await Promise.all(
      [
        'server/store/journal-store',
        'runtime/system-data-folder',
        'server/naming/open-name-server',
        'runtime/system-clock',
        'runtime/hashing',
      ].map((path) => import(internalUrl(`${path}.js`, subject))),
    );
    const runtime = { ...systemClock, ...systemHashing };
    const journal = store.journalStore(data, {
      openFolder: files.openDataFolder,
      randomHex: (/** @type {number} */ bytes) => runtime.randomHex(bytes),
    });
    const names = await naming.openNameServer(journal, runtime, { version: '0.0.0' });
    const { identities } = names;
    await forEachConcurrently(Array(count).keys(), 256, async (i) => {
      const principal = `/bench/team-${Math.floor(i / 1_000)}/client-${i}`;
      const { token } = await identities.issueToken({ principal }, operator);
      const pin = `sha256/${randomBytes(32).toString('base64url')}`;
      await identities.enrol({ name: principal, token }, pin);
    });
    await names.close();
    await journal.close();
  },
});
