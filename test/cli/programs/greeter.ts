/** The service that the environment states: `$CLERK_IDENTITY` and `$CLERK_REGISTRY`. Greets each caller by name. */
import { createServer } from 'node:https';
import { openIdentity } from 'binding-clerk/identity';
import { advertise, authenticate, callerOf } from 'binding-clerk/service';

const identity = await openIdentity();
const handler = authenticate((request, response) => response.end(`hello ${callerOf(request)?.principal}`), {
  identity,
});
const server = createServer(identity.tls(), handler).listen(0, '127.0.0.1');
await advertise({ name: identity.name, address: server });
process.stdout.write('advertised\n');
