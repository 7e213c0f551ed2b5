/** Setup of every test file: results must not depend on the folder or the environment that the tests are started from. */
import { join } from 'node:path';

process.chdir(join(import.meta.dirname, '../..'));
for (const name of Object.keys(process.env)) if (name.startsWith('CLERK_')) delete process.env[name];
delete process.env.NODE_DEBUG;
