import type { ConnectedCandidate } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { CallContext } from './call-context.js';
import type { EndpointPicker } from './endpoint-picker.js';
import type { CallAttempt } from './call-attempt.js';
import { AsyncCall, type AsyncCallOptions } from './async-call.js';

export function reserveEndpoint(
  context: CallContext,
  picker: EndpointPicker,
  options: AsyncCallOptions,
): Promise<ConnectedCandidate> {
  return new Promise((resolve, reject) => {
    new EndpointReservation(context, picker, options, resolve, reject).start();
  });
}

export function withActiveAddress(candidate: ConnectedCandidate): Endpoint {
  const address = candidate.channel.address.text;
  return address === candidate.endpoint.address
    ? candidate.endpoint
    : Object.freeze({ ...candidate.endpoint, address });
}

class EndpointReservation extends AsyncCall<ConnectedCandidate, CallAttempt> {
  protected proceed(candidate: ConnectedCandidate): void {
    this.succeed(candidate);
  }

  // A trial requires a possible second attempt. The caller sends only one request, so a reservation gets no trial.
  protected override pickTrial(): undefined {
    return undefined;
  }

  protected startAttempt(): void {
    // Never called: a reservation sends no request, so no attempt exists that could fail or be late.
  }

  protected abandon(): void {
    // Never called: a reservation sends no request.
  }
}
