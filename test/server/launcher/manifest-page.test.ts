/** The manifests and the table of fields of docs/launcher.md. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseManifest } from '../../../src/server/launcher/manifest.js';

const page = readFileSync(new URL('../../../docs/launcher.md', import.meta.url), 'utf8');
const manifests = [...page.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, text = '']) => text);
const fields = [
  ...(/\n## The manifest\n([^]*?)\n### /.exec(page)?.[1] ?? '').matchAll(/^\| `(\w+)` \|(.*)$/gm),
].map(([, name = '', row = '']) => ({ name, defaultText: row.split('|')[1]?.trim() ?? '' }));

const minimal = 'version: 1\nservice: /shop/orders\nexec: /usr/bin/node\n';

test('every manifest on the page is valid', () => {
  expect(manifests.length).toBeGreaterThanOrEqual(2);
  for (const text of manifests) expect(() => parseManifest('page.yaml', text)).not.toThrow();
});

test('the table has the fields that a manifest may have, and no other field', () => {
  expect(() => parseManifest('page.yaml', `${minimal}unknown: 1`)).toThrow(
    `known fields are ${fields.map(({ name }) => name).join(', ')}`,
  );
});

test('the table states the defaults of a manifest without optional fields', () => {
  const manifest = parseManifest('page.yaml', minimal) as unknown as Readonly<Record<string, unknown>>;
  const numbers = fields.filter(({ defaultText }) => /^[\d,]+(;|$)/.test(defaultText));
  expect(numbers.length).toBeGreaterThanOrEqual(5);
  for (const { name, defaultText } of numbers)
    expect(manifest[name], name).toBe(Number((defaultText.split(';')[0] as string).replaceAll(',', '')));
  expect(manifest.cwd).toBe('/');
});
