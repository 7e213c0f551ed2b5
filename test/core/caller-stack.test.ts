import { expect, test } from 'vitest';
import { withCallerStacks } from '../../src/core/caller-stack.js';

class Inner {
  readonly #text = 'inner';

  async read(): Promise<string> {
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error(this.#text);
  }
}

class Outer {
  readonly inner = (): Inner => new Inner();

  on(): this {
    return this;
  }

  value(): number {
    return 7;
  }
}

test('the stack of a rejection has the lines of the caller, also within a returned object', async () => {
  const outer = withCallerStacks(new Outer(), (result) => result instanceof Inner);
  expect(outer.on()).toBe(outer);
  expect(outer.value()).toBe(7);
  const callerOfRead = (): Promise<unknown> =>
    outer
      .inner()
      .read()
      .catch((error: unknown) => error);
  const error = (await callerOfRead()) as Error;
  expect(error.message).toBe('inner');
  expect(error.stack).toMatch(/ called\n[^]*callerOfRead/);
});
