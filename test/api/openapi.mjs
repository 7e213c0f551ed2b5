/**
 * The OpenAPI document of the bundled server, written to openapi.json in the root; with `--check` it is compared, and
 * a difference is an error, so that a change of the interface shows in the diff.
 *
 *   node --import tsx test/api/openapi.mjs [--check]
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { openApiDocument } from '../../src/server/http/openapi.ts';

const root = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const { version } = JSON.parse(readFileSync(root('package.json'), 'utf8'));
const file = root('openapi.json');
const text = await format(JSON.stringify(openApiDocument(version)), {
  ...(await resolveConfig(file)),
  parser: 'json',
});
const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
if (before === text) console.log('openapi.json: unchanged');
else if (process.argv.includes('--check')) {
  console.log(
    'openapi.json: the interface has changed; if that is meant, run `npm run openapi` and commit it',
  );
  process.exitCode = 1;
} else {
  writeFileSync(file, text);
  console.log('openapi.json: written');
}
