import { maxTimerMs, type Clock } from '../core/clock.js';
import type { RegistryConnection } from '../registry-client/connection.js';
import { FailoverClient } from '../registry-client/failover-client.js';
import type { FailoverOptions } from '../registry-client/failover-request.js';
import type { EnrolmentResponse, EnrolmentRuntime, EnrolmentTarget } from './request-enrolment.js';

/**
 * @param connect - creates a connection that proves the key of the target, and accepts only the registry keys of the
 * target
 */
export function registrySender(
  connect: (url: string, target: EnrolmentTarget) => RegistryConnection,
  clock: Clock,
): EnrolmentRuntime['send'] {
  return async (target, path, body) => {
    const client = new FailoverClient(
      target.urls.map((url) => connect(url, target)),
      clock,
    );
    const options: FailoverOptions<EnrolmentResponse> = {
      signal: new AbortController().signal,
      hedged: false,
      parse: (response, { url }) => ({ status: response.status, body: response.body, url }),
    };
    // The connections do not keep the process alive, so this timer does.
    const keepAlive = clock.setTimer(() => undefined, maxTimerMs);
    try {
      return await (body === undefined
        ? client.request({ path }, options)
        : client.requestChange({ path, body }, options));
    } finally {
      keepAlive.cancel();
      void client.close();
    }
  };
}
