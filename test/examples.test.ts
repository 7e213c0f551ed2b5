/** Every example runs, prints what the last lines of its own file say, and leaves nothing that keeps a process alive. */
import { readdirSync, readFileSync } from 'node:fs';
import { format } from 'node:util';
import { expect, test, vi } from 'vitest';

const folder = new URL('../examples/', import.meta.url);
const examples = readdirSync(folder).filter((file) => /^\d\d-.*\.ts$/.test(file));
/** Programs in plain JavaScript, whose lines are on the pages of docs/. Those without output run in examples-pages.test.ts. */
const pagePrograms = readdirSync(new URL('pages/', folder))
  .filter((file) => file.endsWith('.js'))
  .map((file) => `pages/${file}`)
  .filter((file) => readFileSync(new URL(file, folder), 'utf8').includes('//=> '));

test('the examples are numbered in reading order, one after the other', () => {
  const numbers = examples.map((file) => Number(file.slice(0, 2)));
  expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  expect(numbers.length).toBeGreaterThanOrEqual(10);
});

test.each([...examples, ...pagePrograms])(
  '%s prints the output that it lists, and leaves no open handles',
  async (file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    const expected = [...text.matchAll(/^\/\/=> (.*)$/gm)].map((match) => match[1]);
    expect(expected).not.toEqual([]);
    expect(text.split('\n').length - 1).toBeLessThan(file.startsWith('pages/') ? 70 : 40);

    const { main } = (await import(new URL(file, folder).href)) as { main: () => Promise<void> };
    const before = openHandles();
    const printed: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((...values) => void printed.push(format(...values)));
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    await main();
    expect(printed).toEqual(expected);
    await vi.waitFor(() => expect(openHandles()).toEqual(before));
  },
  // Some examples start five programs.
  120_000,
);

/** Sockets, servers and processes that keep this process alive. */
function openHandles(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => /TCP|Process/.test(kind));
}
