import type { NamingView } from '../state/naming-view.js';
import type { StateChange } from '../state/records.js';
import { authorizePlan, authorizeRequest, requireLiveKey } from './authorize.js';
import { cancelChange } from './cancel-change.js';
import { enrolLaunched, enrolOperator, enrolWithToken } from './enrol-key.js';
import { createDirectory, define, setLink } from './define-entry.js';
import { expireEndpoints } from './expire-endpoints.js';
import { limitFences } from './fence-limit.js';
import { retireFormerKeys } from './former-key.js';
import { checkGroupNames } from './group-names.js';
import { holdEndpoints } from './hold-endpoints.js';
import { importEntries } from './import-entries.js';
import { issueToken } from './issue-token.js';
import { chargeNames } from './name-limit.js';
import { recordIntent, removeLaunch, updateLaunch } from './launch-intents.js';
import { move } from './move-entry.js';
import type { NamingCommand, Plan, PlanContext } from './naming-command.js';
import { register } from './register-endpoint.js';
import { checkRegistryNames, withdrawServer } from './registry-names.js';
import { applyPending, expireService, remove } from './remove-entry.js';
import { revokeKeys } from './revoke-key.js';
import { replaceOperator } from './replace-operator.js';
import { rotateKey } from './rotate-key.js';
import { changeAccess } from './set-access.js';
import { setGroup } from './set-group.js';
import { setStatuses } from './set-status.js';
import { startIncarnation } from './start-incarnation.js';
import { withdraw } from './withdraw-endpoint.js';

/**
 * Returns the changes of a command without applying them. The result depends only on the three arguments.
 *
 * @throws {@link ClerkError} when the command is rejected
 */
export function plan(view: NamingView, command: NamingCommand, context: PlanContext): Plan {
  const steps = planSteps(view, command, context);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Like {@link plan}, but yields after each line of an import, so that other work can run. From then on, the yielded
 * changes must be treated as writes in progress: no lookup may renew a guarantee that the plan has found to be over.
 */
export function* planSteps(
  view: NamingView,
  command: NamingCommand,
  context: PlanContext,
): Generator<readonly StateChange[], Plan> {
  requireLiveKey(view, command, context);
  authorizeRequest(view, command);
  const planned =
    command.kind === 'import'
      ? yield* importEntries(view, command, context)
      : planCommand(view, command, context);
  authorizePlan(view, command, planned);
  checkRegistryNames(command, planned);
  if (command.kind === 'group' || command.kind === 'move' || command.kind === 'import')
    checkGroupNames(view, planned, command.caller);
  const principal = 'caller' in command ? command.caller?.principal : undefined;
  const charged = limitFences(view, chargeNames(view, planned, principal, context), context);
  const isDryRun = command.kind === 'import' && command.options.dryRun === true;
  return isDryRun ? { ...charged, changes: [] } : charged;
}

function planCommand(
  view: NamingView,
  command: Exclude<NamingCommand, { readonly kind: 'import' }>,
  context: PlanContext,
): Plan {
  switch (command.kind) {
    case 'define':
      return define(view, command.request, context);
    case 'link':
      return setLink(view, command.request, command.caller, context);
    case 'directory':
      return createDirectory(view, command.request, command.id, context);
    case 'move':
      return move(view, command.request, command.caller, context);
    case 'cancel':
      return cancelChange(view, command.request, command.caller);
    case 'remove':
      return remove(view, command.request, command.caller, context);
    case 'register':
      return register(view, command, context);
    case 'withdraw':
      return withdraw(view, command, context);
    case 'enrol-operator':
      return enrolOperator(view, command.principal, command.pin, context);
    case 'replace-operator':
      return replaceOperator(view, command.principal, command.pin, command.revokeOthers, context);
    case 'issue-token':
      return issueToken(view, command.request, command.digest, command.caller, context);
    case 'enrol-with-token':
      return enrolWithToken(view, command.principal, command.tokenDigest, command.pin, context);
    case 'enrol-launched':
      return enrolLaunched(view, command.request, command.pin, context);
    case 'rotate-key':
      return rotateKey(view, command, context);
    case 'retire-former-keys':
      return retireFormerKeys(view, command.principal, context);
    case 'revoke-keys':
      return revokeKeys(view, command.request, command.caller, context);
    case 'group':
      return setGroup(view, command.request, context);
    case 'change-access':
      return changeAccess(view, command.request, command.caller);
    case 'expire-endpoints':
      return expireEndpoints(view, command.endpoints);
    case 'set-status':
      return setStatuses(view, command.changes);
    case 'expire-service':
      return expireService(view, command.name, context);
    case 'apply-pending':
      return applyPending(view, command.name);
    case 'record-intent':
      return recordIntent(view, command, context);
    case 'update-launch':
      return updateLaunch(view, command.record);
    case 'remove-launch':
      return removeLaunch(view, command.name, command.instance);
    case 'hold-endpoints':
      return holdEndpoints(view, command.endpoints, command.server);
    case 'share-reports':
      return { changes: command.reports, appliesInMs: 0 };
    case 'set-session':
      return {
        changes: [
          { kind: 'server', server: command.server, session: command.session },
          ...(command.session === undefined ? withdrawServer(view, command.server) : []),
        ],
        appliesInMs: 0,
      };
    case 'new-incarnation':
      return startIncarnation(view, command.identity, command.epochBase);
  }
}
