/** Keys, rights and tokens of a secured registry whose data was replaced by an older copy. */
import { expect, test } from 'vitest';
import type { Logger } from '../../../../src/core/logger.js';
import { repairRecords } from '../../../../src/server/naming/repair-records.js';
import type { OwnChange } from '../../../../src/server/ports.js';
import { codeOf, ControllableStore, nameServerHarness } from '../name-server-harness.js';
import { operator, pin, securedHarness } from './identity-harness.js';

class FolderStore extends ControllableStore {
  constructor(
    readonly folderIdentity: string,
    records?: ReadonlyMap<string, string>,
  ) {
    super();
    for (const [key, value] of records ?? []) this.records.set(key, value);
  }
}

/** Returns a copy that has an unused token, and the position after changes that the copy lacks. */
async function runWithBackup() {
  const first = await securedHarness({ store: new FolderStore('7@100') });
  await first.enrol('/shop/web', pin(1));
  const { token } = await first.identities.issueToken({ principal: '/shop/new' }, operator);
  const backup = new Map(first.store.records);
  await first.identities.revoke({ principal: '/shop/web' }, operator);
  await first.identities.enrol({ name: '/shop/new', token }, pin(2));
  const seen = first.names.position;
  await first.names.close();
  return { backup, seen, token };
}

async function restore(backup: ReadonlyMap<string, string>, folder: string, adopt = false) {
  const [warnings, changes]: [string[], OwnChange[]] = [[], []];
  const noop = (): void => undefined;
  const logger: Logger = { debug: noop, info: noop, error: noop, warn: (line) => warnings.push(line) };
  const store = new FolderStore(folder, backup);
  const harness = await nameServerHarness({
    ...{ store, adopt, logger, seed: 2 },
    onOwnChange: (change) => void changes.push(change),
  });
  const redeem = (token: string): Promise<unknown> =>
    codeOf(harness.names.identities.enrol({ name: '/shop/new', token }, pin(3)));
  return { ...harness, warnings, changes, redeem };
}

const warning =
  /revoked or replaced since the copy was made are valid again.*tokens were cancelled.*clerk identity ls, clerk acl ls and clerk group ls.*audit log/;

test('after lost changes, unused tokens are cancelled, and the log names revocations, rights and groups', async () => {
  const { backup, seen, token } = await runWithBackup();
  const { names, warnings, changes, redeem, store } = await restore(backup, '7@100');
  expect(warnings).toEqual([]);
  await names.checkPositions(seen);
  expect(names.identities.ownerOf(pin(1))?.principal).toBe('/shop/web');
  expect(await redeem(token)).toBe('TICKET_REFUSED');
  expect([...store.records.keys()].filter((key) => key.startsWith('t '))).toEqual([]);
  expect(warnings).toEqual([expect.stringMatching(warning)]);
  expect(changes).toMatchObject([
    {
      operation: 'new-incarnation',
      details: { incarnation: names.status().incarnation, reason: 'lost changes', cancelledTokens: 1 },
    },
  ]);
});

test.each([
  { adopt: true, operation: 'adopt-copy' },
  { adopt: false, operation: 'new-incarnation' },
])('a copied folder ($operation) cancels unused tokens, says so and records it', async (each) => {
  const { backup, token } = await runWithBackup();
  const restored = await restore(backup, '8@100', each.adopt);
  expect(await restored.redeem(token)).toBe('TICKET_REFUSED');
  expect(restored.warnings).toEqual([expect.stringMatching(warning)]);
  const { revision } = restored.names.status();
  expect(restored.changes).toMatchObject([
    { operation: each.operation, names: [], revision: Number(revision), details: { cancelledTokens: 1 } },
  ]);
  await restored.names.close();
  // The next start is not a restore.
  const again = await restore(restored.store.records, '8@100', each.adopt);
  expect([again.warnings, again.changes]).toEqual([[], []]);
});

test('the original keeps its unused tokens, with the option adopt too', async () => {
  for (const adopt of [false, true]) {
    const { backup, token } = await runWithBackup();
    const { redeem, warnings, changes } = await restore(backup, '7@100', adopt);
    expect(await redeem(token)).toBe('done');
    expect([warnings, changes]).toEqual([[], []]);
  }
});

test('a salvaged folder that has lost records keeps keys, and cancels unused tokens', async () => {
  const { backup } = await runWithBackup();
  const kindsIn = (records: ReadonlyMap<string, string>): string =>
    [...records.keys()]
      .map((key) => key.slice(0, 2))
      .filter((kind) => ['i ', 't '].includes(kind))
      .sort()
      .join('');
  expect(kindsIn(backup)).toBe('i i t ');
  const records = new Map(backup);
  repairRecords(records, (bytes) => '0'.repeat(2 * bytes));
  expect(kindsIn(records)).toBe('i i ');
});
