import type { CheckedCredentials } from '../core/credentials.js';
import { ClerkError, isClerkError } from '../core/errors.js';
import type { KeyPin } from '../core/key-pin.js';
import { rotationStatement } from '../protocol/rotation-statement.js';
import {
  isEnrolled,
  requestEnrolment,
  type EnrolmentRuntime,
  type EnrolmentTarget,
} from './request-enrolment.js';
import type { IdentityContent } from './identity-file.js';

/**
 * Enrols the new key of a rotation on a connection that proves the old key. After a failure, the function can be called
 * again with the same new key.
 *
 * @param label - subject of error messages
 * @returns the keys of the registry, the present key first
 */
export async function enrolRotatedKey(
  { credentials, registry, registryKeys }: IdentityContent,
  next: CheckedCredentials,
  label: string,
  runtime: EnrolmentRuntime,
): Promise<readonly KeyPin[]> {
  if (registry.length === 0 || registryKeys.length === 0)
    throw new ClerkError(
      'IDENTITY_INVALID',
      `${label} must contain the addresses and the key of its registry for a rotation; pass the options registry and registryKey`,
    );
  const target = { urls: registry, registryKeys, credentials };
  try {
    return await requestRotation(target, next, runtime);
  } catch (error) {
    // If the response to an earlier request was lost, the registry may already have enrolled the new key.
    const mayBeEnrolled =
      isClerkError(error) &&
      (['IDENTITY_INVALID', 'TICKET_REFUSED'].includes(error.code) || error.execution === 'unknown');
    if (mayBeEnrolled && (await isEnrolled({ ...target, credentials: next }, runtime))) return registryKeys;
    throw error;
  }
}

/**
 * The new key signs a statement that contains one key of the registry. So each request accepts one registry key only,
 * and if the registry does not prove this key, the next request has the next key.
 */
async function requestRotation(
  target: EnrolmentTarget,
  next: CheckedCredentials,
  runtime: EnrolmentRuntime,
): Promise<readonly KeyPin[]> {
  const { name, pin } = target.credentials;
  let unproven: unknown;
  for (const registry of target.registryKeys) {
    const statement = rotationStatement({ principal: name, from: pin, to: next.pin, registry });
    const rotate = {
      spki: Buffer.from(next.spki).toString('base64url'),
      proof: runtime.keys.sign(next, statement),
    };
    try {
      return await requestEnrolment(
        { ...target, registryKeys: [registry] },
        { name, rotate },
        next.pin,
        runtime,
      );
    } catch (error) {
      if (!isClerkError(error) || error.code !== 'ENDPOINT_UNPROVEN') throw error;
      unproven = error;
    }
  }
  throw unproven;
}
