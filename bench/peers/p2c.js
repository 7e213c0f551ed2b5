/**
 * What a careful team writes by hand: power of two choices on peak-EWMA latency over undici Pools, a rest for what
 * failed, and a retry loop that prefers another server. Its time limit is the pools' `headersTimeout`, which costs nothing per call.
 */
const decayMs = 10_000;
const restMs = 2_000;
const tries = 3;

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
    restsUntil: 0,
  }));
  const observe = (node, ms, now) => {
    const w = Math.exp((node.stamp - now) / decayMs);
    node.cost = ms > node.cost ? ms : ms * (1 - w) + node.cost * w;
    node.stamp = now;
  };
  const score = (node, now) => {
    if (now < node.restsUntil) return 1e9;
    if (node.cost === 0 && node.pending > 0) return 1e6 + node.pending;
    return node.cost * Math.exp((node.stamp - now) / decayMs) * (node.pending + 1);
  };
  const pick = (now, not) => {
    const a = nodes[Math.floor(Math.random() * nodes.length)];
    let i = Math.floor(Math.random() * (nodes.length - 1));
    if (nodes[i] === a) i = nodes.length - 1;
    const b = nodes[i];
    if (a === not) return b;
    return b === not || score(a, now) <= score(b, now) ? a : b;
  };
  const request = async (options) => {
    for (let number = 1, failed; ; number++) {
      const started = performance.now();
      const node = pick(started, failed);
      node.pending++;
      try {
        const reply = await node.pool.request(options);
        const ended = performance.now();
        observe(node, ended - started, ended);
        return reply;
      } catch (error) {
        if (number === tries) throw error;
        failed = node;
        node.restsUntil = performance.now() + restMs;
      } finally {
        node.pending--;
      }
    }
  };
  return { request, pick, nodes, close: () => Promise.all(nodes.map(({ pool }) => pool.close())) };
}
