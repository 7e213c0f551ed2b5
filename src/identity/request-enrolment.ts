import type { CheckedCredentials, KeyTools } from '../core/credentials.js';
import { ClerkError, isClerkError } from '../core/errors.js';
import { isObject } from '../core/is-object.js';
import { parsePins, type KeyPin } from '../core/key-pin.js';
import { decodeError } from '../protocol/error-codec.js';
import type { EnrolRequest } from '../protocol/identity-messages.js';
import { paths } from '../protocol/paths.js';

/** One registry, and the key with which this program connects to it. */
export interface EnrolmentTarget {
  /** Addresses of equivalent servers, at least one. */
  readonly urls: readonly string[];
  /** A server must prove one of these keys. */
  readonly registryKeys: readonly KeyPin[];
  readonly credentials: CheckedCredentials;
}

export interface EnrolmentResponse {
  readonly status: number;
  readonly body: unknown;
  /** Address of the server. */
  readonly url: string;
}

export interface EnrolmentRuntime {
  readonly keys: KeyTools;
  /**
   * Sends one request on a new connection: a POST with a body, or a GET without a body. Rejects with
   * `REGISTRY_UNREACHABLE` or `ENDPOINT_UNPROVEN`.
   */
  readonly send: (target: EnrolmentTarget, path: string, body?: object) => Promise<EnrolmentResponse>;
}

/**
 * Enrols the key of the target at the registry. A repeated enrolment of the same key succeeds, even after the response
 * to the first enrolment was lost.
 *
 * @returns the present registry keys
 * @throws {@link ClerkError} `TICKET_REFUSED` when the registry refuses the token or ticket
 */
export async function enrolKey(
  target: EnrolmentTarget,
  request: EnrolRequest,
  runtime: Pick<EnrolmentRuntime, 'send'>,
): Promise<readonly KeyPin[]> {
  try {
    return await requestEnrolment(target, request, target.credentials.pin, runtime);
  } catch (error) {
    const mayBeEnrolled =
      isClerkError(error) && (error.code === 'TICKET_REFUSED' || error.execution === 'unknown');
    if (mayBeEnrolled && (await isEnrolled(target, runtime))) return target.registryKeys;
    throw error;
  }
}

/**
 * @param enrolled - the key that the registry enrols
 * @returns the present registry keys
 */
export async function requestEnrolment(
  target: EnrolmentTarget,
  request: EnrolRequest,
  enrolled: KeyPin,
  { send }: Pick<EnrolmentRuntime, 'send'>,
): Promise<readonly KeyPin[]> {
  const { status, body, url } = await send(target, paths.enroll, request);
  if (status !== 200) throw decodeError(status, body, `The request to ${paths.enroll} at ${url}`);
  if (isObject(body) && body.name === request.name && body.key === enrolled) {
    try {
      return parsePins(body.registryKeys);
    } catch {
      // The error below describes the problem.
    }
  }
  throw new ClerkError(
    'REGISTRY_INVALID',
    `${url} sent an invalid response to ${paths.enroll}; check that ${url} is the address of a registry`,
  );
}

/** Whether the registry accepts the key of the target; false without a response. */
export async function isEnrolled(
  target: EnrolmentTarget,
  { send }: Pick<EnrolmentRuntime, 'send'>,
): Promise<boolean> {
  try {
    return (await send(target, paths.status)).status === 200;
  } catch {
    return false;
  }
}
