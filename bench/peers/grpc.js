/**
 * grpc-js as it documents resilience: all addresses in one channel with round_robin, and a retry policy in the service
 * config. Keepalive detects a silent server within 500 ms; the reconnect backoff is short. gRPC has no timeout per
 * attempt; the deadline of a call is the clerk's default.
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
 * @returns {Promise<import('../lib/clients.js').Client>}
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
  const call = (isReport = false) =>
    new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = isReport ? service.report : service.get;
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { order: 7 },
        { deadline: Date.now() + deadlineMs },
        (error, response) => (error ? reject(error) : resolve(/** @type {any} */ (response).replica)),
      );
    });
  await new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + 5_000, (error) => (error ? reject(error) : resolve(undefined)));
  });
  return { call, close: async () => client.close() };
}
