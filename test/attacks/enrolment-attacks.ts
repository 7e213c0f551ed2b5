/** Attempts of clients to get a key enrolled that must not be enrolled, or to speak as a principal whose key they lack. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { CheckedCredentials } from '../../src/core/credentials.js';
import { createEnrolToken } from '../../src/protocol/enrol-token.js';
import { rotationStatement, type KeyRotation } from '../../src/protocol/rotation-statement.js';
import { systemHashing } from '../../src/runtime/hashing.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { done, refusal, type AttackedFleet, type Party } from './attacked-fleet.js';
import type { Attack, Refusal } from './attack.js';
import { certificateOf } from './rogue-certificate.js';

const enrol = 'server/naming/commands/enrol-key.ts';
const rotate = 'server/naming/commands/rotate-key.ts';
const security = 'server/http/security.ts';
const refused = '401 TICKET_REFUSED';
const noKey = '401 IDENTITY_INVALID';
const malformed = '400 CONFIG_INVALID';
const because = 'The enrolment was refused';
const unknownKey = 'must prove a key that is enrolled';

const victim = '/shop/web';
const keyOf = ({ credentials }: Party): CheckedCredentials => credentials as CheckedCredentials;
const newKey = (fleet: AttackedFleet, name = victim): Party => fleet.party(systemKeys.create(name));

const post = async (party: Party, body: unknown, headers?: Record<string, string>): Promise<Refusal> =>
  refusal(await party.post('/v1/enroll', body, headers));

function attack(
  name: string,
  check: string,
  refusedAs: string,
  reason: string,
  run: (fleet: AttackedFleet) => Promise<readonly Refusal[]>,
): Attack<AttackedFleet> {
  return { name, by: 'client', check, refusedAs, because: reason, run };
}

/** An attack whose preparation changes the registry: the preparation is taken back, or is part of both snapshots. */
function withToken(
  name: string,
  check: string,
  use: (fleet: AttackedFleet, token: string) => Promise<readonly Refusal[]>,
): Attack<AttackedFleet> {
  return attack(name, check, refused, because, async (fleet) => use(fleet, await fleet.token(victim)));
}

/** Sends a rotation of `/shop/web` to a new key, with changes to what the new key has signed. */
async function sendRotation(
  sender: Party,
  fleet: AttackedFleet,
  signed: Partial<KeyRotation> = {},
  next = systemKeys.create(victim),
  signer = next,
): Promise<Refusal> {
  const { pin: from } = keyOf(fleet.web);
  const statement = rotationStatement({
    ...{ principal: victim, from, to: next.pin, registry: fleet.registryPin },
    ...signed,
  });
  const spki = Buffer.from(next.spki).toString('base64url');
  return post(sender, { name: victim, rotate: { spki, proof: systemKeys.sign(signer, statement) } });
}

const rotationAttack = (
  name: string,
  check: string,
  run: (fleet: AttackedFleet) => Promise<readonly Refusal[]>,
): Attack<AttackedFleet> => attack(name, check, refused, because, run);

/** A client with any key that TLS accepts. */
function partyWith(fleet: AttackedFleet, type: 'rsa' | 'ec' | 'ed448', namedCurve = 'P-384'): Party {
  const { privateKey, publicKey } =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
      : type === 'ec'
        ? generateKeyPairSync('ec', { namedCurve })
        : generateKeyPairSync('ed448');
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return fleet.party({ name: victim, key, cert: certificateOf(publicKey, privateKey) });
}

export const enrolmentAttacks: readonly Attack<AttackedFleet>[] = [
  attack(
    'a client without a certificate reads and changes everything',
    `${security}: key of the connection`,
    noKey,
    unknownKey,
    async ({ anonymous }) => [
      refusal(await anonymous.get('/v1/resolve?name=/shop/orders')),
      refusal(await anonymous.get('/v1/export')),
      refusal(await anonymous.post('/v1/define', { name: '/shop/x' })),
      refusal(await anonymous.post('/v1/tickets', { service: '/shop/orders' })),
      refusal(await anonymous.post('/v1/tokens', { principal: '/operator' })),
      refusal(await anonymous.get('/metrics')),
    ],
  ),
  attack(
    'a certificate with the names of the operator and a key of the attacker',
    `${security}: owner of the key`,
    noKey,
    unknownKey,
    async (fleet) => {
      const key = systemKeys.create('/operator');
      const copied = fleet.party(key);
      return [
        refusal(await copied.get('/v1/resolve?name=/shop/orders')),
        refusal(await copied.post('/v1/tokens', { principal: '/operator' })),
      ];
    },
  ),
  attack(
    'paths that only look like the open paths of the registry',
    'server/http/http-server.ts: open paths',
    noKey,
    unknownKey,
    async ({ anonymous }) =>
      Promise.all(
        [
          '/healthz/',
          '/healthz/../v1/export',
          '//healthz',
          '/v1/enroll/../export',
          '/%68ealthz',
          '/HEALTHZ',
        ].map(async (path) => refusal(await anonymous.get(path))),
      ),
  ),
  attack(
    'what the registry contains, by its health check without a key',
    'server/http/app.ts: health for strangers',
    'only healthy',
    '',
    async (fleet) =>
      Promise.all(
        [fleet.anonymous, newKey(fleet, '/operator')].map(async (party) => {
          const { text } = await party.get('/healthz');
          return { as: text === '{"degraded":false}' ? 'only healthy' : text, because: '' };
        }),
      ),
  ),
  attack(
    'an enrolment without a client certificate',
    'server/http/app.ts: key to enrol',
    noKey,
    unknownKey,
    async (fleet) => [await post(fleet.anonymous, { name: victim, token: await fleet.token(victim) })],
  ),
  withToken('a guessed token', `${enrol}: known token`, async (fleet, token) => {
    const client = newKey(fleet);
    const guesses = Array.from({ length: 20 }, () => createEnrolToken(systemHashing));
    const near = [
      `${token.slice(0, -1)}A`,
      token.toUpperCase(),
      ` ${token}`,
      token.slice(0, -1),
      `${token}=`,
    ];
    const digest = createHash('sha256').update(token).digest('hex');
    return Promise.all(
      [...guesses, ...near, digest, 'x']
        .filter((text) => text !== token)
        .map((text) => post(client, { name: victim, token: text })),
    );
  }),
  withToken('a token of another principal', `${enrol}: principal of the token`, async (fleet, token) => {
    const names = ['/operator', '/shop/web2', '/shop', '/shop/web/x', '/shop/orders'];
    return Promise.all(names.map((name) => post(newKey(fleet, name), { name, token })));
  }),
  withToken('a token after its time', `${enrol}: time of the token`, async (fleet, token) => {
    fleet.shiftMs += 600_001;
    try {
      return [await post(newKey(fleet), { name: victim, token })];
    } finally {
      fleet.shiftMs -= 600_001;
    }
  }),
  withToken('a key that is enrolled for another principal', `${enrol}: new key`, async (fleet, token) => [
    await post(fleet.rogue, { name: victim, token }),
    await post(fleet.orders, { name: victim, token }),
    await post(fleet.operator, { name: victim, token }),
  ]),
  {
    ...attack('a token that was used', `${enrol}: one use of a token`, refused, because, async () => []),
    async prepare(fleet) {
      const token = await fleet.token('/shop/used');
      done(await newKey(fleet, '/shop/used').post('/v1/enroll', { name: '/shop/used', token }));
      return token;
    },
    run: async (fleet, token) => [
      await post(newKey(fleet, '/shop/used'), { name: '/shop/used', token }),
      await post(newKey(fleet), { name: victim, token }),
    ],
  },
  {
    ...attack(
      'two keys with one token at the same moment',
      `${enrol}: one use of a token`,
      refused,
      because,
      async () => [],
    ),
    async prepare(fleet) {
      const name = '/shop/twice';
      const token = await fleet.token(name);
      const keys = Array.from({ length: 8 }, () => newKey(fleet, name));
      return Promise.all(keys.map((key) => key.post('/v1/enroll', { name, token })));
    },
    run: async (_, answers) => {
      const refusals = answers.map(refusal).filter(({ as }: Refusal) => as !== 'accepted');
      return refusals.length === 7 ? refusals : [{ as: `${String(8 - refusals.length)} keys`, because: '' }];
    },
  },
  {
    ...attack('a revoked key', 'server/naming/identities.ts: revoked key', noKey, unknownKey, async () => []),
    async prepare(fleet) {
      const thief = await fleet.enrol('/shop/stolen');
      done(await fleet.operator.post('/v1/identities/revoke', { principal: '/shop/stolen' }));
      return thief;
    },
    // The connection is the one on which the key was valid.
    run: async (_, thief: Party) => [
      refusal(await thief.get('/v1/status')),
      refusal(await thief.post('/v1/tickets', { service: '/shop/orders' })),
    ],
  },
  {
    ...attack('a new token for a revoked key', `${enrol}: revoked key`, refused, because, async () => []),
    async prepare(fleet) {
      const thief = await fleet.enrol('/shop/stolen');
      done(await fleet.operator.post('/v1/identities/revoke', { principal: '/shop/stolen' }));
      return thief;
    },
    run: async (fleet, thief: Party) => [
      await post(thief, { name: '/shop/stolen', token: await fleet.token('/shop/stolen') }),
      await post(thief, { name: victim, token: await fleet.token(victim) }),
    ],
  },
  {
    ...attack(
      'a rotated key, after its time',
      'server/naming/state/identity-view.ts: retired key',
      noKey,
      unknownKey,
      async () => [],
    ),
    async prepare(fleet) {
      const name = '/shop/rotated';
      const former = await fleet.enrol(name);
      const next = systemKeys.create(name);
      const { pin: from } = keyOf(former);
      const statement = rotationStatement({
        principal: name,
        from,
        to: next.pin,
        registry: fleet.registryPin,
      });
      const spki = Buffer.from(next.spki).toString('base64url');
      const rotate = { spki, proof: systemKeys.sign(next, statement) };
      done(await former.post('/v1/enroll', { name, rotate }));
      return former;
    },
    async run(fleet, former: Party) {
      fleet.shiftMs += 330_001;
      try {
        return [refusal(await former.get('/v1/status'))];
      } finally {
        fleet.shiftMs -= 330_001;
      }
    },
  },
  {
    ...attack(
      'a second rotation of a key that ends',
      `${rotate}: one rotation of a key`,
      refused,
      because,
      async () => [],
    ),
    async prepare(fleet) {
      const name = '/shop/ending';
      const former = await fleet.enrol(name);
      const next = systemKeys.create(name);
      const { pin: from } = keyOf(former);
      const request = (to: CheckedCredentials): object => {
        const statement = rotationStatement({
          principal: name,
          from,
          to: to.pin,
          registry: fleet.registryPin,
        });
        const spki = Buffer.from(to.spki).toString('base64url');
        return { name, rotate: { spki, proof: systemKeys.sign(to, statement) } };
      };
      done(await former.post('/v1/enroll', request(next)));
      return { former, request };
    },
    run: async (_, { former, request }) => [await post(former, request(systemKeys.create('/shop/ending')))],
  },
  {
    ...attack(
      'a ninth live key of a principal',
      `${enrol}: number of live keys`,
      '429 LIMIT_EXCEEDED',
      '8 live keys',
      async () => [],
    ),
    async prepare(fleet) {
      for (let i = 0; i < 8; i++) await fleet.enrol('/shop/many');
    },
    run: async (fleet) => [
      await post(newKey(fleet, '/shop/many'), { name: '/shop/many', token: await fleet.token('/shop/many') }),
    ],
  },
  attack(
    'a token longer than 128 characters, or no text',
    'protocol/identity-schemas.ts: token',
    malformed,
    'Field',
    async (fleet) =>
      Promise.all(
        ['', 'x'.repeat(129), 7, null, [], { $ne: '' }].map((token) =>
          post(newKey(fleet), { name: victim, token }),
        ),
      ),
  ),
  attack(
    'more members beside the token, such as the key of another connection',
    'protocol/identity-schemas.ts: members of an enrolment',
    malformed,
    'unknown field',
    async (fleet) => {
      const token = await fleet.token(victim);
      const { pin } = keyOf(fleet.rogue);
      return Promise.all(
        [{ key: pin }, { pin }, { spki: 'AAAA' }, { instance: 'a' }, { rotate: {}, x: 1 }].map((more) =>
          post(newKey(fleet), { name: victim, token, ...more }),
        ),
      );
    },
  ),
  attack(
    'duplicate members in the body of an enrolment',
    'server/http/strict-json.ts: duplicate members',
    malformed,
    'duplicate keys',
    async (fleet) => {
      const token = await fleet.token(victim);
      return [
        await post(newKey(fleet), `{"name":"/operator","name":"${victim}","token":"${token}"}`),
        await post(newKey(fleet), `{"name":"${victim}","token":"x","token":"${token}"}`),
      ];
    },
  ),
  attack(
    'the key __proto__ in the body of an enrolment',
    'server/http/strict-json.ts: __proto__',
    malformed,
    '__proto__',
    async (fleet) => [
      await post(newKey(fleet), `{"__proto__":{"token":"x"},"name":"${victim}"}`),
      await post(newKey(fleet), `{"name":"${victim}","rotate":{"__proto__":{}}}`),
    ],
  ),
  attack(
    'a deeply nested body',
    'server/http/strict-json.ts: depth',
    malformed,
    'levels of objects and arrays',
    async (fleet) => [await post(newKey(fleet), `${'['.repeat(10_000)}${']'.repeat(10_000)}`)],
  ),
  attack(
    'a form, as a web page can send it, in place of JSON',
    'server/http/body-parser.ts: content type',
    '415 CONFIG_INVALID',
    'content-type must be application/json',
    async (fleet) => [
      await post(newKey(fleet), `name=${victim}&token=x`, {
        'content-type': 'application/x-www-form-urlencoded',
      }),
      await post(newKey(fleet), '{}', { 'content-type': 'text/plain' }),
    ],
  ),
  attack(
    'a compressed body',
    'server/http/body-parser.ts: content encoding',
    '415 CONFIG_INVALID',
    'content-encoding must be absent',
    async (fleet) => [await post(newKey(fleet), '{}', { 'content-encoding': 'gzip' })],
  ),
  attack(
    'a web page of another site, in a browser that has the certificate of the client',
    'server/http/cross-site-check.ts: site of the page',
    '403 FORBIDDEN',
    'must not come from a page of another site',
    async ({ operator }) => [
      refusal(await operator.post('/v1/tokens', { principal: '/x' }, { origin: 'https://attacker.example' })),
      refusal(await operator.post('/v1/tokens', { principal: '/x' }, { 'sec-fetch-site': 'cross-site' })),
    ],
  ),
  attack(
    'a web page whose host name leads to the registry',
    'server/http/host-check.ts: host',
    '403 FORBIDDEN',
    'must name this server',
    async ({ operator }) => [refusal(await operator.get('/v1/export', { host: 'attacker.example' }))],
  ),
  attack(
    'a launch ticket that the registry has not issued',
    `${enrol}: launch ticket`,
    refused,
    because,
    async (fleet) => [
      await post(newKey(fleet), { name: '/shop/orders', instance: 'a', epoch: 1, ticket: 'x' }),
      await post(newKey(fleet), {
        name: '/shop/orders',
        instance: 'a',
        epoch: 1,
        ticket: 'e3b0'.repeat(16),
      }),
    ],
  ),
  rotationAttack(
    'a rotation of a key that another connection has proved',
    `${rotate}: old key of the connection`,
    async (fleet) => [
      await sendRotation(fleet.rogue, fleet),
      await sendRotation(fleet.rogue, fleet, { from: keyOf(fleet.rogue).pin }),
      await sendRotation(newKey(fleet), fleet),
      await sendRotation(fleet.operator, fleet, { from: keyOf(fleet.operator).pin }),
    ],
  ),
  rotationAttack(
    'a rotation to a key that the client does not have',
    'server/naming/identities.ts: proof of the new key',
    async (fleet) => [
      await sendRotation(fleet.web, fleet, {}, keyOf(fleet.orders), systemKeys.create(victim)),
      await sendRotation(fleet.web, fleet, {}, systemKeys.create(victim), keyOf(fleet.web)),
    ],
  ),
  rotationAttack(
    'the proof of a rotation for another registry, principal or key',
    'server/naming/identities.ts: proof of the new key',
    async (fleet) => [
      await sendRotation(fleet.web, fleet, { registry: systemKeys.create('/registry').pin }),
      await sendRotation(fleet.web, fleet, { principal: '/operator' }),
      await sendRotation(fleet.web, fleet, { from: keyOf(fleet.rogue).pin }),
      await sendRotation(fleet.web, fleet, { to: keyOf(fleet.rogue).pin }),
    ],
  ),
  rotationAttack('a rotation to a key that is known already', `${rotate}: new key`, async (fleet) => [
    await sendRotation(fleet.web, fleet, {}, keyOf(fleet.rogue)),
    await sendRotation(fleet.web, fleet, {}, keyOf(fleet.operator)),
  ]),
  rotationAttack('a rotation of a key to itself', `${rotate}: another key`, async (fleet) => [
    await sendRotation(fleet.web, fleet, {}, keyOf(fleet.web)),
  ]),
  rotationAttack(
    'a rotation to an RSA key, or to an EC key over another curve',
    'runtime/system-keys.ts: algorithm of a signature',
    async (fleet) => {
      const pairs = [
        generateKeyPairSync('rsa', { modulusLength: 2_048 }),
        generateKeyPairSync('ec', { namedCurve: 'P-384' }),
        generateKeyPairSync('ed448'),
      ];
      return Promise.all(
        pairs.map(async ({ publicKey, privateKey }) => {
          const spki = publicKey.export({ type: 'spki', format: 'der' });
          const to = systemKeys.pinOfKey(spki);
          const { pin: from } = keyOf(fleet.web);
          const statement = rotationStatement({ principal: victim, from, to, registry: fleet.registryPin });
          const hash = privateKey.asymmetricKeyType === 'ed448' ? null : 'sha256';
          const proof = sign(hash, Buffer.from(statement), privateKey).toString('base64url');
          return post(fleet.web, { name: victim, rotate: { spki: spki.toString('base64url'), proof } });
        }),
      );
    },
  ),
  attack(
    'a public key or a proof that is not base64url',
    'protocol/identity-schemas.ts: spelling of the key',
    malformed,
    'Field',
    async (fleet) =>
      Promise.all(
        ['', 'A'.repeat(1_025), 'a b', '+/==', '<x>', 'é'].map((spki) =>
          post(fleet.web, { name: victim, rotate: { spki, proof: 'AA' } }),
        ),
      ),
  ),
  attack(
    'the enrolment of an RSA key, an Ed448 key, or an EC key over another curve',
    'runtime/system-keys.ts: algorithm of an enrolled key',
    noKey,
    unknownKey,
    async (fleet) => {
      const token = await fleet.token(victim);
      const parties = [partyWith(fleet, 'rsa'), partyWith(fleet, 'ec'), partyWith(fleet, 'ec', 'P-521')];
      return Promise.all(parties.map((party) => post(party, { name: victim, token })));
    },
  ),
];
