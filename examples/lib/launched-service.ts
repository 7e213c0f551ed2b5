/** A service that a secured registry launches. Its key exists in this process only, and is enrolled with the launch. */
import { createServer } from 'node:https';
import { openIdentity } from 'binding-clerk/identity';
import { advertise, authenticate, callerOf } from 'binding-clerk/service';

const identity = await openIdentity();
const server = createServer(
  identity.tls(),
  authenticate((request, response) => response.end(`hello ${callerOf(request)?.principal}`), { identity }),
);
await advertise({ address: server.listen(0, '127.0.0.1'), identity });
