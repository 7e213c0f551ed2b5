/** What a process prints of a failed call. */
import { expect, test } from 'vitest';
import { spawnProgram } from './spawn-program.js';
import { unusedAddress } from './web-server.js';

test('with NODE_DEBUG=binding-clerk, the stack of a failed call has the line of the caller', async () => {
  const address = await unusedAddress();
  const [plain, debugged] = await Promise.all(
    [[], ['env', 'NODE_DEBUG=binding-clerk']].map(
      (wrapper) => spawnProgram('failing-caller.ts', [address], undefined, wrapper).result,
    ),
  );
  const callerLine = /\n +called\n +at orderPizza [(].*failing-caller[.][jt]s:[0-9]+/;
  expect(plain?.code).toBe(1);
  expect(plain?.stderr).toMatch(/ClerkError.*[/]shop[/]orders/);
  expect(plain?.stderr).not.toMatch(callerLine);
  expect(debugged?.code).toBe(1);
  expect(debugged?.stderr).toMatch(callerLine);
});
