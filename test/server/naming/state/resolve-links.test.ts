import { expect, test } from 'vitest';
import { nameServerHarness, thrownBy } from '../name-server-harness.js';

test('sixteen links are followed, and no more', async () => {
  const { names } = await nameServerHarness();
  await names.define({ name: '/l16' });
  for (let i = 15; i >= 0; i--) await names.link({ name: `/l${i}`, target: `/l${i + 1}` });
  expect(names.resolve('/l0')).toMatchObject({ canonical: '/l16', path: { length: 17 } });
  await names.link({ name: '/before', target: '/l0' });
  expect(thrownBy(() => names.resolve('/before'))).toMatchObject({ code: 'NAME_NOT_FOUND' });
});
