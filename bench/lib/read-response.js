/** How the measured clients consume a response of undici's `request`. */

/** As text. */
export async function readText({ statusCode, body }) {
  if (statusCode !== 200) throw new Error(`Status ${statusCode}`);
  return body.text();
}

/** As JSON; returns the replica that sent it. */
export async function readReplica({ statusCode, body }) {
  const value = await body.json();
  if (statusCode !== 200) throw new Error(`Status ${statusCode}`);
  return value.replica;
}
