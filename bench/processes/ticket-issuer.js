/** A process that signs tickets: with the issuer of the registry, and with node:crypto alone. */
import { createPrivateKey, sign } from 'node:crypto';
import { handleTasks } from '../lib/child-process.js';
import { now } from '../lib/clock.js';
import { internalUrl } from '../lib/subject.js';

const concurrency = 64;

/** @type {Record<string, () => unknown>} */
let signers;

handleTasks({
  /** @param {{ subject?: string }} input */
  async prepare({ subject }) {
    const [{ TicketIssuer }, { systemKeys }, { systemClock }, { systemHashing }] = await Promise.all(
      ['tickets/ticket-issuer', 'runtime/system-keys', 'runtime/system-clock', 'runtime/hashing'].map(
        (path) => import(internalUrl(`${path}.js`, subject)),
      ),
    );
    const registry = systemKeys.create('/registry');
    const issuer = new TicketIssuer(registry, { ...systemClock, ...systemHashing });
    const grant = {
      principal: '/shop/web',
      clientPin: systemKeys.create('/shop/web').pin,
      service: '/shop/orders',
      rights: ['read', 'test', 'call'],
      incarnation: systemHashing.randomHex(16),
    };
    const { ticket } = await issuer.issue(grant);
    const text = Buffer.from(ticket.slice(0, ticket.lastIndexOf('.')));
    const key = createPrivateKey(registry.key);
    signers = {
      issuer: () => issuer.issue(grant),
      crypto: () => sign(null, text, key).toString('base64url'),
    };
  },

  /**
   * @param {{ signer: string, count: number }} input
   * @returns {Promise<number>} signatures per second
   */
  async run({ signer, count }) {
    let left = count;
    const start = now();
    const loop = async () => {
      while (left-- > 0) await signers[signer]();
    };
    await Promise.all(Array.from({ length: concurrency }, loop));
    return (count * 1_000) / (now() - start);
  },
});
