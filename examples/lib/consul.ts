/** A stand-in for a Consul agent: serves `/v1/health/service/<name>` in the format of the real one, from a table. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The fields of one instance in the response that the example uses. */
export interface Instance {
  readonly Service: { readonly ID: string; readonly Address: string; readonly Port: number };
}

/** Starts the agent on a free port of loopback; `services` may change while it runs. */
export async function consulAgent(
  services: Readonly<Record<string, readonly { readonly id: string; readonly address: string }[]>>,
): Promise<{ readonly url: string; readonly requests: number; stop(): Promise<void> }> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    const name = /^\/v1\/health\/service\/([^?]+)/.exec(request.url ?? '')?.[1] ?? '';
    const instances = (services[name] ?? []).map(({ id, address }): Instance => {
      const { hostname, port } = new URL(address);
      return { Service: { ID: id, Address: hostname, Port: Number(port) } };
    });
    response.setHeader('content-type', 'application/json').end(JSON.stringify(instances));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  server.unref();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    stop() {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}
