/** `/shop/orders` with an identity: greets each caller by the name that the caller has proved. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Identity } from 'binding-clerk/identity';
import { advertise, authenticate, callerOf } from 'binding-clerk/service';

/** A registered service. */
export interface Greeter {
  readonly port: number;
  /** Withdraws the endpoint, and stops the server. */
  stop(): Promise<void>;
  /** Ends the server as a crash would: its endpoint stays registered. */
  crash(): Promise<void>;
}

export async function startGreeter(identity: Identity): Promise<Greeter> {
  const handler = authenticate((request, response) => response.end(`hello ${callerOf(request)?.principal}`), {
    identity,
  });
  const server = createServer(identity.tls(), handler).listen(0, '127.0.0.1');
  const ad = await advertise({ name: '/shop/orders', address: server, identity, drainOnSignal: false });
  const crash = (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    return closed;
  };
  const { port } = server.address() as AddressInfo;
  return { port, crash, stop: () => ad.close().then(crash) };
}
