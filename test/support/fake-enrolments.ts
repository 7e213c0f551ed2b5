import { ClerkError } from '../../src/core/errors.js';
import type { KeyPin } from '../../src/core/key-pin.js';
import type { EnrolmentRuntime } from '../../src/identity/request-enrolment.js';
import { encodeError, httpStatusOf } from '../../src/protocol/error-codec.js';
import type { EnrolRequest } from '../../src/protocol/identity-messages.js';
import { rotationStatement } from '../../src/protocol/rotation-statement.js';
import { systemKeys } from '../../src/runtime/system-keys.js';

/** The enrolment of a registry, in memory: checks tokens, launch tickets and rotations as a registry does. */
export class FakeEnrolments {
  readonly credentials = systemKeys.create('/registry');
  /** Principals by the pins of their live keys. */
  readonly keys = new Map<KeyPin, string>();
  /** Principals by one-time tokens, and by launch tickets. */
  readonly tokens = new Map<string, string>();
  /** Paths of the requests that were received. */
  readonly requests: string[] = [];
  isDown = false;
  /** Whether the registry is down after a lost response. */
  failAfterLoss = false;
  #losesNext = false;

  /** The next request is carried out, and its response is lost. */
  loseNextResponse(): void {
    this.#losesNext = true;
  }

  readonly send: EnrolmentRuntime['send'] = async (target, path, body) => {
    if (this.isDown) throw new ClerkError('REGISTRY_UNREACHABLE', 'The registry is down');
    if (!target.registryKeys.includes(this.credentials.pin))
      throw new ClerkError('ENDPOINT_UNPROVEN', 'The registry has another key');
    this.requests.push(path);
    const response = this.respond(target.credentials.pin, path, body);
    if (this.#losesNext) {
      this.#losesNext = false;
      this.isDown = this.failAfterLoss;
      throw new ClerkError('REGISTRY_UNREACHABLE', 'The response was lost', { execution: 'unknown' });
    }
    return { ...response, url: 'https://registry' };
  };

  /** @param pin - key of the connection */
  respond(pin: KeyPin, path: string, body: unknown): { readonly status: number; readonly body: unknown } {
    try {
      if (path === '/v1/enroll') return { status: 200, body: this.#enrol(pin, body as EnrolRequest) };
      if (!this.keys.has(pin)) throw new ClerkError('IDENTITY_INVALID', 'The key is not enrolled');
      return { status: 200, body: {} };
    } catch (error) {
      const { code } = error as ClerkError;
      return { status: httpStatusOf(code), body: encodeError(error as ClerkError) };
    }
  }

  #enrol(pin: KeyPin, request: EnrolRequest): object {
    const { name } = request;
    let key = pin;
    if ('rotate' in request) {
      const spki = Buffer.from(request.rotate.spki, 'base64url');
      key = systemKeys.pinOfKey(spki);
      const registry = this.credentials.pin;
      const statement = rotationStatement({ principal: name, from: pin, to: key, registry });
      if (this.keys.get(pin) !== name)
        throw new ClerkError('IDENTITY_INVALID', 'The old key is not enrolled');
      if (!systemKeys.verify(spki, statement, request.rotate.proof))
        throw new ClerkError('TICKET_REFUSED', 'The proof is invalid');
    } else {
      const secret = 'token' in request ? request.token : request.ticket;
      if (this.tokens.get(secret) !== name)
        throw new ClerkError('TICKET_REFUSED', 'The enrolment was refused');
      this.tokens.delete(secret);
    }
    this.keys.set(key, name);
    return { name, key, registryKeys: [this.credentials.pin] };
  }
}
