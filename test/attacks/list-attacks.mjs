/**
 * Writes `docs/attacks.md`, the list of all attacks in the tests.
 *
 *   node --import tsx test/attacks/list-attacks.mjs
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { attacksPage } from './catalogue.ts';

writeFileSync(fileURLToPath(new URL('../../docs/attacks.md', import.meta.url)), attacksPage());
