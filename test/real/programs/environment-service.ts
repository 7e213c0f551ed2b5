/** A service whose identity and registry come from the environment alone. */
import { createServer } from 'node:https';
import { openIdentity } from 'binding-clerk/identity';
import { advertise, authenticate, callerOf } from 'binding-clerk/service';
import { printLine } from './print-line.js';

const identity = await openIdentity();
const handler = authenticate((request, response) => response.end(callerOf(request)?.principal));
const server = createServer(identity.tls(), handler).listen(0, '127.0.0.1');
await advertise({ name: identity.name, address: server });
printLine('advertised');
