/**
 * grpc-js as its documents offer it against servers that fail: all addresses in one channel, round_robin over them,
 * keepalive set by hand so that a silent server is noticed within half a second, quick reconnecting, and a retry policy
 * in the service config. A time limit for one attempt is not among what gRPC offers; the call's is the clerk's default.
 */
import { Client, credentials } from '@grpc/grpc-js';
import { service } from './grpc-service.js';

const deadlineMs = 10_000;

const serviceConfig = {
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [
    {
      name: [{}],
      retryPolicy: {
        maxAttempts: 4,
        initialBackoff: '0.01s',
        maxBackoff: '0.1s',
        backoffMultiplier: 2,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
};

/**
 * @param {readonly string[]} addresses - host:port
 * @returns {Promise<import('../lib/ways.js').Way>}
 */
export async function grpc(addresses) {
  const client = new Client(`ipv4:${addresses.join(',')}`, credentials.createInsecure(), {
    'grpc.service_config': JSON.stringify(serviceConfig),
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_retries': 1,
    'grpc.keepalive_time_ms': 250,
    'grpc.keepalive_timeout_ms': 250,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
  });
  const { path, requestSerialize, responseDeserialize } = service.get;
  const call = () =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { order: 7 },
        { deadline: Date.now() + deadlineMs },
        (error, answer) => (error ? reject(error) : resolve(/** @type {any} */ (answer).replica)),
      );
    });
  await new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + 5_000, (error) => (error ? reject(error) : resolve(undefined)));
  });
  return { call, close: async () => client.close() };
}
