/**
 * What a careful team writes by hand: power of two choices by peak-EWMA latency over undici Pools, a backoff for failed
 * servers, and a retry loop that prefers another server. A status of 500 or above is a failure. Its timeout is the
 * `headersTimeout` of the pools, which costs nothing per call.
 */
const decayMs = 10_000;
const backoffMs = 2_000;
const maxAttempts = 3;

/**
 * @param {typeof import('undici')} undici
 * @param {readonly string[]} origins
 */
export function p2c({ Pool }, origins) {
  const nodes = origins.map((origin) => ({
    pool: new Pool(origin, { connections: 64, headersTimeout: 1_000, connectTimeout: 1_000 }),
    cost: 0,
    stamp: 0,
    pending: 0,
    backoffUntil: 0,
  }));
  const observe = (node, ms, now) => {
    const w = Math.exp((node.stamp - now) / decayMs);
    node.cost = ms > node.cost ? ms : ms * (1 - w) + node.cost * w;
    node.stamp = now;
  };
  const score = (node, now) => {
    if (now < node.backoffUntil) return 1e9;
    if (node.cost === 0 && node.pending > 0) return 1e6 + node.pending;
    return node.cost * Math.exp((node.stamp - now) / decayMs) * (node.pending + 1);
  };
  const pick = (now, excluded) => {
    const a = nodes[Math.floor(Math.random() * nodes.length)];
    let i = Math.floor(Math.random() * (nodes.length - 1));
    if (nodes[i] === a) i = nodes.length - 1;
    const b = nodes[i];
    if (a === excluded) return b;
    return b === excluded || score(a, now) <= score(b, now) ? a : b;
  };
  let ejections = 0;
  const request = async (options) => {
    for (let attempt = 1, failed; ; attempt++) {
      const startedAt = performance.now();
      const node = pick(startedAt, failed);
      node.pending++;
      try {
        const response = await node.pool.request(options);
        if (response.statusCode >= 500 && attempt < maxAttempts) {
          await response.body.dump();
          throw new Error(`Status ${response.statusCode}`);
        }
        const endedAt = performance.now();
        observe(node, endedAt - startedAt, endedAt);
        return response;
      } catch (error) {
        if (attempt === maxAttempts) throw error;
        failed = node;
        ejections++;
        node.backoffUntil = performance.now() + backoffMs;
      } finally {
        node.pending--;
      }
    }
  };
  const close = () => Promise.all(nodes.map(({ pool }) => pool.close()));
  return { request, pick, nodes, close, ejections: () => ejections };
}
