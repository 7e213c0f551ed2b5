import type { OwnChange } from '../ports.js';
import type { NamingCommand } from './commands/naming-command.js';
import type { CommitResult } from './committer.js';

/**
 * Returns the audit entry of a change that no client has requested. Returns undefined for commands of clients and for
 * status changes.
 */
export function ownChangeOf(
  command: NamingCommand,
  { changes, revision }: Pick<CommitResult, 'changes' | 'revision'>,
): OwnChange | undefined {
  switch (command.kind) {
    case 'expire-endpoints': {
      const ended = changes.filter((change) => change.kind === 'endpoint');
      return {
        operation: 'lease-end',
        names: [...new Set(ended.map(({ name }) => name))],
        revision,
        details: { id: ended.map(({ id }) => id) },
      };
    }
    case 'withdraw': {
      const { caller, request } = command;
      const { name, id, epoch } = request;
      return caller === undefined
        ? { operation: 'withdraw', names: [name], revision, details: { id, epoch } }
        : undefined;
    }
    case 'expire-service':
      return { operation: 'remove-empty', names: [command.name], revision };
    case 'apply-pending':
      return { operation: 'apply-scheduled', names: [command.name], revision };
    case 'record-intent': {
      const { name, instance, manifest } = command.record;
      return { operation: 'start-process', names: [name], revision, details: { id: instance, manifest } };
    }
    case 'remove-launch':
      return {
        operation: 'end-process',
        names: [command.name],
        revision,
        details: { id: command.instance },
      };
    case 'retire-former-keys': {
      const keys = changes.flatMap((change) => (change.kind === 'key' ? [change.pin] : []));
      return { operation: 'retire-key', names: [command.principal], revision, details: { key: keys } };
    }
    case 'enrol-operator':
      return {
        operation: 'create-operator',
        names: [command.principal],
        revision,
        details: { key: command.pin },
      };
    case 'replace-operator': {
      const { principal, pin } = command;
      const revoked = changes.flatMap((change) =>
        change.kind === 'key' && change.pin !== pin ? [change.pin] : [],
      );
      return { operation: 'replace-operator', names: [principal], revision, details: { key: pin, revoked } };
    }
    case 'new-incarnation':
      return {
        operation: 'new-incarnation',
        names: [],
        revision,
        details: {
          incarnation: command.identity.incarnation,
          reason: 'lost changes',
          cancelledTokens: changes.filter(({ kind }) => kind === 'token').length,
        },
      };
    default:
      return undefined;
  }
}
