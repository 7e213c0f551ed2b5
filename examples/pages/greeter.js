/** The service of docs/launcher.md, which the launcher starts. */
import { createServer } from 'node:http';
import { advertise } from 'binding-clerk/service';

const server = createServer((_request, response) => response.end(`${process.env.GREETING}\n`));
await advertise({ address: server.listen(0, '127.0.0.1') });
