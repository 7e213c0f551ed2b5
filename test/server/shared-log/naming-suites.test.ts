/** Runs tests of one name server again, over a shared log. Those that must differ are listed with the reason. */
import { beforeEach } from 'vitest';
import { overSharedLog } from '../naming/name-server-harness.js';

process.env[overSharedLog] = 'yes';

const differing = new Set([
  // A change of an entry with a guarantee waits, also when no lookup has shown the entry.
  'an entry does not change before its guarantee has ended',
  'the former name stays until the service has renewed its lease under the present name',
  'the former name stays at most as long as the lease of a service that does not renew',
  'after a restart, the former name stays until the service has renewed its lease',
  'prune removes what no line names, and keeps endpoints and the links of moves',
  'whois returns the endpoints with an address, after moves, changes and removals',
  'ended leases, removed services and scheduled changes are reported with their revisions',
  'pending changes of many names apply in several commands, soon after their guarantees have ended',
  'a lookup during a long import guarantees no entry that the import changes',
  'a rejected import leaves the guarantees of its entries as they were',
  'a frozen entry takes no second change, is not guaranteed for longer, and changes when its time has come',
  'epochs of a removed name are not assigned again',
  'limits accept their value and reject one more',
  'remove requires recursive for names below, and force or whenExpired under a guarantee',
  'a watch of an exact name follows its links, however they change',
  'a watched directory without an entry exists while there are names below it',
  // A guarantee is 1 s longer.
  'prune of a name in use is refused as a whole, or waits with whenExpired',
  'a scheduled change is shown until it is cancelled, and the guarantees given meanwhile stay',
  // A drain counts the endpoint as just shown.
  'an endpoint that no lookup has shown is removed at once',
  'an endpoint drains until the last lookup is no longer usable',
  'an old lookup does not delay the end',
  'a search shows endpoints as a lookup does',
  'a lookup under the name before a move counts',
  'a lookup of an entry that is to change counts',
  'a registry that has just started counts as having shown every endpoint',
  // The first revision is that of the session, and the time to live is 4 s.
  'a service registers, is looked up and withdraws',
  'changes that lookups do not show are not sent',
  'an idle watch receives heartbeats with the present revision',
  // Statuses are in the log.
  'a status is not stored, but increments the revision, so that a resumed watch receives it',
  'a restart clears all statuses; the same reports lead to the same status again',
  // These control the store of one server.
  'a lease that ends while the store fails is reported, and a rejected change is not',
  'a status that is written together with expiry and re-registration does not stay',
  'with a store that cannot be written an endpoint still becomes suspect',
  // These write so many batches that the simulated engine would take most of the time.
  'a search that reads too much is refused, and a search of a part succeeds',
  'a watch resumes from its revision; after a gap it receives resync and a snapshot',
]);
// `all.mjs` counts no test with this note as left out.
beforeEach(({ task, skip }) => skip(differing.has(task.name), 'does not apply: the shared log differs'));

await import('../naming/name-server.test.js');
await import('../naming/search.test.js');
await import('../naming/drain-times.test.js');
await import('../naming/starting-endpoints.test.js');
await import('../naming/load-reports.test.js');
await import('../naming/own-change.test.js');
await import('../naming/mass-expiry.test.js');
await import('../naming/commands/assign-epoch.test.js');
await import('../naming/commands/change-size.test.js');
await import('../naming/commands/define-entry.test.js');
await import('../naming/commands/fencing.test.js');
await import('../naming/commands/import-entries.test.js');
await import('../naming/commands/name-limit.test.js');
await import('../naming/commands/redeem-ticket.test.js');
await import('../naming/commands/register-endpoint.test.js');
await import('../naming/commands/remove-entry.test.js');
await import('../naming/health/health-consensus.test.js');
await import('../naming/identity/change-access.test.js');
await import('../naming/identity/change-rights.test.js');
await import('../naming/identity/enrolment.test.js');
await import('../naming/identity/hidden-descendants.test.js');
await import('../naming/identity/identity-log.test.js');
await import('../naming/identity/registration-owner.test.js');
await import('../naming/identity/revocation.test.js');
await import('../naming/identity/rotation.test.js');
await import('../naming/watch/watch-hub.test.js');
await import('../naming/watch/visible-events.test.js');
await import('../naming/moves.test.js');
await import('../naming/imports.test.js');
