import type { AttackedRegistry } from './attacked-registry.js';

/** Registers endpoints with attributes of `bytes` each under `/shop/orders`. @returns how often it was accepted */
export async function registerLarge(
  { post }: Pick<AttackedRegistry, 'post'>,
  count: number,
  bytes: number,
  from = 0,
): Promise<number> {
  let accepted = 0;
  for (let i = from; i < from + count; i++) {
    const { status, text } = await post('/v1/register', {
      ...{
        name: '/shop/orders',
        id: `i${String(i)}`,
        addresses: ['http://127.0.0.1:3001'],
        leaseMs: 3_600_000,
      },
      attributes: { padding: 'x'.repeat(bytes) },
    });
    if (status === 200) accepted++;
    else if (status !== 429) throw new Error(`${String(status)} ${text.slice(0, 300)}`);
  }
  return accepted;
}
