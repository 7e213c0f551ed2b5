/** A secured name server with an operator, and shortcuts for its keys. */
import type { AccessRight } from '../../../../src/core/access-right.js';
import { pinOfDigest, type KeyPin } from '../../../../src/core/key-pin.js';
import { systemKeys } from '../../../../src/runtime/system-keys.js';
import type { Caller, IdentityService } from '../../../../src/server/ports.js';
import { nameServerHarness, type NameServerHarness } from '../name-server-harness.js';

/** A valid pin for each number. */
export function pin(number: number): KeyPin {
  return pinOfDigest(`${String(number).padStart(42, 'k')}A`);
}

export const registryPin = pin(999);
export const operator: Caller = { principal: '/operator', pin: pin(0) };

export interface SecuredHarness extends NameServerHarness {
  readonly identities: IdentityService;
  /** Enrols a key with a token of the operator. */
  enrol(principal: string, key: KeyPin): Promise<Caller>;
  allow(principal: string, path: string, ...rights: AccessRight[]): Promise<void>;
}

export async function securedHarness(
  options: Parameters<typeof nameServerHarness>[0] = {},
): Promise<SecuredHarness> {
  const registryKeys = { tools: systemKeys, pins: () => [registryPin] };
  const harness = await nameServerHarness({ registryKeys, ...options });
  await harness.names.identities.enrolOperator(operator.principal, pin(0));
  const secured = Object.defineProperty(harness, 'identities', {
    get: () => harness.names.identities,
  }) as SecuredHarness;
  return Object.assign(secured, {
    async enrol(principal: string, key: KeyPin): Promise<Caller> {
      const { token } = await secured.identities.issueToken({ principal }, operator);
      await secured.identities.enrol({ name: principal, token }, key);
      return { principal, pin: key };
    },
    async allow(principal: string, path: string, ...rights: AccessRight[]): Promise<void> {
      await secured.identities.changeAccess({ change: 'allow', principal, path, rights }, operator);
    },
  });
}
