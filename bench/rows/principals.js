/** Principals: memory of a secured server with many enrolled keys. */
import { Child } from '../lib/child-process.js';
import { sendJson } from '../lib/registry-requests.js';
import { startSecuredServer } from '../lib/secured-registry.js';

export const id = 'principals';
export const title = 'memory of the enrolled principals';

const MB = 1e6;

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const count = context.quick ? 10_000 : 100_000;
  const empty = await measure(context, 0);
  const full = await measure(context, count);
  const scale = 100_000 / count;
  const above = (/** @type {'rss' | 'heap'} */ key) => (full[key] - empty[key]) * scale;
  const mb = (/** @type {number} */ bytes) => `${(bytes / MB).toFixed(0)} MB`;
  return {
    verdicts: [
      {
        what: `100,000 principals with a key each, above empty${scale === 1 ? '' : `, ${scale} × the memory of a tenth`}`,
        goal: '≤ 100 MB',
        ours: `${mb(above('rss'))}, heap ${mb(above('heap'))}`,
        peers: '',
        ratio: '',
        reached: above('rss') <= 100 * MB,
      },
    ],
    details: { count, empty, full },
    notes: [
      'principals: resident memory of a server that was started with the data folder, after 30 idle seconds and garbage collection.',
    ],
  };
}

/** Memory of a new server whose folder has `count` principals. */
async function measure(context, count) {
  const server = await startSecuredServer(context, {
    execArgv: ['--expose-gc'],
    async fill({ data, operator }) {
      if (count === 0) return;
      const filler = new Child('processes/enrolled-principals.js');
      try {
        await filler.call('enrol', { data, operator, count, subject: context.subject });
      } finally {
        await filler.end();
      }
    },
  });
  try {
    const memory = await server.child.call('memory', { seconds: context.quick ? 1 : 30 });
    const { identities } = await sendJson(server.pool, '/v1/identities');
    if (identities.length !== count + 1)
      throw new Error(`The server must have ${count + 1} principals; got ${identities.length}`);
    return memory;
  } finally {
    await server.end();
  }
}
