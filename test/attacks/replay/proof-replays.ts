/** Tokens, proofs of rotations, launch tickets and secrets of registrations, recorded and sent again by other clients. */
import type { CheckedCredentials } from '../../../src/core/credentials.js';
import { rotationStatement } from '../../../src/protocol/rotation-statement.js';
import { systemKeys } from '../../../src/runtime/system-keys.js';
import { done, service, type AttackedFleet, type Party } from '../attacked-fleet.js';
import { inParallel, type AttemptCounts } from './attempt-counts.js';

/** A request that an honest client has sent, and that another client sends again. */
interface RecordedProof {
  readonly kind: string;
  readonly path: string;
  readonly body: object;
  /** The client that has sent the request may repeat it. */
  readonly sender: CheckedCredentials;
  /** Changes the proof; the changed proof is sent by its former sender too. */
  readonly change?: (random: () => number) => object;
}

const keyOf = ({ credentials }: Party): CheckedCredentials => credentials as CheckedCredentials;

const changed = (text: string, random: () => number): string => {
  const at = Math.floor(random() * text.length);
  const digit = text[at] === 'A' ? 'B' : 'A';
  return random() < 0.3 ? text.slice(0, at) : text.slice(0, at) + digit + text.slice(at + 1);
};

export async function recordProofs(fleet: AttackedFleet): Promise<readonly RecordedProof[]> {
  const proofs: RecordedProof[] = [];
  for (let i = 0; i < 4; i++) {
    const name = `/proofs/p${String(i)}`;
    const token = await fleet.token(name);
    const first = fleet.party(systemKeys.create(name));
    const enrolment = { name, token };
    done(await first.post('/v1/enroll', enrolment));
    proofs.push({ kind: 'token', path: '/v1/enroll', body: enrolment, sender: keyOf(first) });
    const next = systemKeys.create(name);
    const { pin: from } = keyOf(first);
    const statement = rotationStatement({ principal: name, from, to: next.pin, registry: fleet.registryPin });
    const spki = Buffer.from(next.spki).toString('base64url');
    const proof = systemKeys.sign(next, statement);
    const rotation = { name, rotate: { spki, proof } };
    done(await first.post('/v1/enroll', rotation));
    proofs.push({ kind: 'proof of a rotation', path: '/v1/enroll', body: rotation, sender: keyOf(first) });
  }
  const registration = {
    name: service,
    id: 'proved',
    addresses: ['https://127.0.0.1:9'],
    leaseMs: 3_600_000,
  };
  const { epoch, secret } = done(await fleet.orders.post('/v1/register', registration)) as {
    epoch: number;
    secret: string;
  };
  const sender = keyOf(fleet.orders);
  const held = { name: service, id: 'proved', epoch, secret };
  proofs.push(
    { kind: 'registration', path: '/v1/register', body: { ...registration, epoch, secret }, sender },
    {
      ...{ kind: 'renewal', path: '/v1/renew', body: { renewals: [held] }, sender },
      change: (random) => ({ renewals: [{ ...held, secret: changed(secret, random) || 'x' }] }),
    },
    {
      ...{ kind: 'withdrawal', path: '/v1/withdraw', body: { ...held, now: true }, sender },
      change: (random) => ({ ...held, now: true, secret: changed(secret, random) || 'x' }),
    },
  );
  return proofs;
}

interface ReplayOptions {
  readonly random: () => number;
  readonly counts: AttemptCounts;
  readonly when: string;
}

/** Sends each request from other clients, with connections that stay open, and expects no effect. */
export async function replayProofs(
  fleet: AttackedFleet,
  proofs: readonly RecordedProof[],
  count: number,
  { random, counts, when }: ReplayOptions,
): Promise<void> {
  const strangers = Array.from({ length: 4 }, (_, i) =>
    fleet.party(systemKeys.create(`/proofs/p${String(i)}`)),
  );
  const clients = [fleet.rogue, fleet.web, fleet.anonymous, ...strangers];
  const before = await fleet.snapshot();
  await inParallel(count, 8, async (number) => {
    const { kind, path, body, change } = proofs[number % proofs.length] as RecordedProof;
    const client = clients[Math.floor(number / proofs.length) % clients.length] as Party;
    const isChanged = change !== undefined && number % 2 === 0;
    const sender = isChanged ? fleet.orders : client;
    const answer = await sender.post(path, isChanged ? change(random) : body);
    const results: unknown = answer.json?.results;
    const isRefused =
      answer.status >= 400 || (Array.isArray(results) && results.every((one) => one !== 'renewed'));
    counts.add(`${kind} ${isChanged ? 'changed' : 'by another client'}, ${when}`, !isRefused);
  });
  if ((await fleet.snapshot()) !== before) counts.add(`effect of proofs, ${when}`, true);
}
