/** A service that a secured registry launches: it enrols its own key with the ticket of the launch. */
import { createServer } from 'node:https';
import { openIdentity } from 'binding-clerk/identity';
import { advertise, authenticate, callerOf } from 'binding-clerk/service';

const identity = await openIdentity();
const handler = authenticate((request, response) => response.end(callerOf(request)?.principal), {
  identity,
});
const server = createServer(identity.tls(), handler).listen(0, '127.0.0.1');
await advertise({ address: server, identity });
