/** What the error of a call states that ends by its deadline. In virtual time. */
import { expect, onTestFinished, test } from 'vitest';
import { memoryCluster } from 'binding-clerk/testing';

test.each([
  ['hangs', 'pause', 'did not respond'],
  ['accepts no connection', 'stall', 'accepted no connection'],
] as const)(
  'a call to an endpoint that %s states the endpoint and what it waited for',
  async (_what, fault, reason) => {
    const { clerk, cluster } = memoryCluster({ '/s': ['a'] }, { seed: 1 });
    onTestFinished(() => clerk.destroy());
    cluster[fault]('a');
    await expect(clerk.bind('/s').text('/x', { timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: expect.stringMatching(
        new RegExp(
          `^Call to /s exceeded its deadline of 1000 ms after 1 attempt: Endpoint a ${reason} within [0-9]+ ms$`,
        ),
      ) as string,
    });
  },
);

test('the cause does not deny that an earlier attempt may have run', async () => {
  const { clerk, cluster } = memoryCluster({ '/s': ['a', 'b'] }, { seed: 1 });
  onTestFinished(() => clerk.destroy());
  cluster.pause('a');
  cluster.stall('b');
  const service = clerk.bind('/s', { policy: ([first]) => first });
  await expect(service.text('/x', { timeoutMs: 1_000 })).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    execution: 'unknown',
    message: expect.stringContaining('Endpoint b accepted no connection within') as string,
    outcomes: [
      { endpoint: 'a', stage: 'sent' },
      { endpoint: 'b', stage: 'waiting' },
    ],
    cause: { execution: 'unknown', message: expect.stringContaining('Endpoint a') as string },
  });
});
