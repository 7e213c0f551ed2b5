/** Whether the pages name what a program can use: options, events and functions. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

const listings = readdirSync(new URL('test/api/', root)).filter((file) => file.endsWith('.txt'));
const pages = [
  'README.md',
  ...readdirSync(new URL('docs/', root))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

/** The names in the code of each page. */
const namesByPage = new Map(pages.map((page) => [page, namesInCode(read(page))]));

function namesInCode(page: string): ReadonlySet<string> {
  const blocks = [...page.matchAll(/^```[a-z]*\n([^]*?)^```/gm)].map(([, code]) => code);
  const spans = [...page.replace(/^```[^]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, code]) => code);
  return new Set([...blocks, ...spans].join('\n').match(/[A-Za-z_]\w*/g));
}

/** The fields of an interface in a listing, without those that it inherits. */
function fieldsOf(listing: string, name: string): readonly string[] {
  const declaration = new RegExp(`^  interface ${name}\\b[^{]*\\{\\n([^]*?)^  \\}`, 'm').exec(listing);
  return [...(declaration?.[1] ?? '').matchAll(/^ {6}(?:readonly )?(\w+)\??[:(]/gm)].flatMap(
    ([, field]) => field ?? [],
  );
}

/** The names in the first column of the table with this first heading, in a section of docs/options.md. */
function firstColumn(section: string, heading: string): readonly string[] {
  const text = read('docs/options.md')
    .split('\n## ')
    .find((each) => each.startsWith(section));
  const [, table = ''] = new RegExp(`^\\| ${heading} \\|.*\\n((?:\\|.*\\n)*)`, 'm').exec(text ?? '') ?? [];
  return [...table.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(\w+)`/g)].flatMap(([, name]) => name ?? []),
  );
}

test('each exported function and class is named in code on a page', () => {
  const names = listings.flatMap((file) =>
    [...read(`test/api/${file}`).matchAll(/^(\w+): (?:function|class)$/gm)].flatMap(([, name]) => name ?? []),
  );
  const known = new Set([...namesByPage.values()].flatMap((page) => [...page]));
  expect(names.length).toBeGreaterThan(40);
  expect(names.filter((name) => !known.has(name))).toEqual([]);
});

test.each(listings)('the fields of each interface of options in %s are named in code on one page', (file) => {
  const listing = read(`test/api/${file}`);
  for (const [, name = ''] of listing.matchAll(/^ {2}interface (\w+Options)\b/gm)) {
    const fields = fieldsOf(listing, name);
    const missing = pages.map((page) => fields.filter((field) => namesByPage.get(page)?.has(field) !== true));
    const [fewest] = missing.sort((a, b) => a.length - b.length);
    expect(fewest, name).toEqual([]);
  }
});

test.each([
  ['`createClerk(', 'option', 'index', 'ClerkOptions'],
  ['`clerk.bind(', 'option', 'index', 'BindOptions'],
  ['`advertise(', 'option', 'service', 'AdvertiseOptions'],
  ['`advertise(', 'event', 'service', 'AdvertisementEvents'],
  ['`startServer(', 'option', 'server', 'ServerOptions'],
])('the section %s…) of docs/options.md has a row for each %s', (section, heading, listing, name) => {
  const fields = fieldsOf(read(`test/api/${listing}.txt`), name);
  expect(fields.length).toBeGreaterThan(5);
  expect([...firstColumn(section, heading)].sort()).toEqual([...fields].sort());
});
