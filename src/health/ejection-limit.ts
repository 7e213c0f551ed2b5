/**
 * Whether one more endpoint may be ejected. At least one endpoint stays in use if the evidence is hard: refused or
 * lost connections, or no response. If the evidence is failure responses, at least half of the endpoints stay in use.
 * @see [C2.4](../../docs/guarantees.md#c2-4)
 */
export function mayEject(isHardEvidence: boolean, members: number, ejected: number): boolean {
  return ejected + 1 <= (isHardEvidence ? members - 1 : Math.floor(members / 2));
}
