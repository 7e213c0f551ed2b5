/** zod schemas of the messages in `identity-messages.ts`. Requests reject unknown keys; responses drop them. */
import * as z from 'zod/mini';
import { accessRights, type AccessRight } from '../core/access-right.js';
import { enrolTokenTtl } from './enrol-token.js';
import type {
  AccessChangeRequest,
  AccessExplainRequest,
  AccessExplainResponse,
  AccessListResponse,
  EnrolResponse,
  GroupRequest,
  IdentitiesResponse,
  LaunchEnrolRequest,
  RevokeRequest,
  RevokeResponse,
  RotationRequest,
  TicketRequest,
  TicketResponse,
  TokenEnrolRequest,
  TokenRequest,
  TokenResponse,
} from './identity-messages.js';
import { limits } from './limits.js';
import { assertAllTrue, type SchemaMatches } from './schema-types.js';

const string = z.string();
const shortText = z.string().check(z.minLength(1), z.maxLength(128));
const base64url = z.string().check(z.regex(/^[A-Za-z0-9_-]{1,1024}$/));
const pin = z.string().check(z.regex(/^sha256\/[A-Za-z0-9_-]{43}$/));
const count = z.int().check(z.gte(0));
const right = z.enum(accessRights as [AccessRight, ...AccessRight[]]);
const rights = z.array(right).check(z.minLength(1), z.maxLength(accessRights.length));
const instance = z.object({ id: string, epoch: count });

const tokenEnrolRequest = z.strictObject({ name: string, token: shortText });
const launchEnrolRequest = z.strictObject({
  name: string,
  instance: shortText,
  epoch: count,
  ticket: shortText,
});
const rotationRequest = z.strictObject({
  name: string,
  rotate: z.strictObject({ spki: base64url, proof: base64url }),
});
export const enrolRequest = z.union([tokenEnrolRequest, launchEnrolRequest, rotationRequest]);
export const enrolResponse = z.object({
  name: string,
  key: pin,
  registryKeys: z.array(pin),
  retiresInMs: z.exactOptional(z.number()),
});

export const ticketRequest = z.strictObject({ service: string });
export const ticketResponse = z.object({
  ticket: string,
  expiresInMs: z.number(),
  service: string,
  instances: z.array(
    z.object({
      id: string,
      epoch: count,
      key: pin,
      formerKey: z.exactOptional(pin),
      cert: z.exactOptional(string),
    }),
  ),
});

export const tokenRequest = z.strictObject({
  principal: string,
  ttlMs: z.exactOptional(z.int().check(z.gte(enrolTokenTtl.minMs), z.lte(enrolTokenTtl.maxMs))),
});
export const tokenResponse = z.object({ token: string, expiresInMs: z.number(), expiresAt: string });

export const identitiesRequest = z.strictObject({ principal: z.exactOptional(string) });
export const identitiesResponse = z.object({
  identities: z.array(
    z.object({
      principal: string,
      key: pin,
      enrolledAt: string,
      by: z.enum(['init', 'token', 'launch', 'rotation']),
      instance: z.exactOptional(instance),
      lastUsedAt: z.exactOptional(string),
      retiresAt: z.exactOptional(string),
      revokedAt: z.exactOptional(string),
    }),
  ),
});

export const revokeRequest = z.strictObject({ principal: string, key: z.exactOptional(pin) });
export const revokeResponse = z.object({ revoked: z.array(pin), ticketsEndInMs: z.number() });

export const groupRequest = z.strictObject({
  name: string,
  members: z.array(string).check(z.maxLength(limits.maxBatch)),
  guaranteedMs: z.exactOptional(z.int().check(z.gte(0), z.lte(limits.maxLeaseMs))),
  whenExpired: z.exactOptional(z.boolean()),
});

const accessEntry = z.object({ directory: string, principal: string, path: string, rights: z.array(right) });

export const accessChangeRequest = z.strictObject({
  change: z.enum(['allow', 'remove']),
  principal: string,
  path: string,
  rights,
  directory: z.exactOptional(string),
});
export const accessListRequest = z.strictObject({ path: z.exactOptional(string) });
export const accessListResponse = z.object({ entries: z.array(accessEntry) });
export const accessExplainRequest = z.strictObject({ principal: string, path: string, right });
export const accessExplainResponse = z.object({
  allowed: z.boolean(),
  reason: string,
  entry: z.exactOptional(accessEntry),
  groups: z.exactOptional(z.array(string)),
});

assertAllTrue<
  [
    SchemaMatches<typeof tokenEnrolRequest, TokenEnrolRequest>,
    SchemaMatches<typeof launchEnrolRequest, LaunchEnrolRequest>,
    SchemaMatches<typeof rotationRequest, RotationRequest>,
    SchemaMatches<typeof enrolResponse, EnrolResponse>,
    SchemaMatches<typeof ticketRequest, TicketRequest>,
    SchemaMatches<typeof ticketResponse, TicketResponse>,
    SchemaMatches<typeof tokenRequest, TokenRequest>,
    SchemaMatches<typeof tokenResponse, TokenResponse>,
    SchemaMatches<typeof identitiesResponse, IdentitiesResponse>,
    SchemaMatches<typeof revokeRequest, RevokeRequest>,
    SchemaMatches<typeof revokeResponse, RevokeResponse>,
    SchemaMatches<typeof groupRequest, GroupRequest>,
    SchemaMatches<typeof accessChangeRequest, AccessChangeRequest>,
    SchemaMatches<typeof accessListResponse, AccessListResponse>,
    SchemaMatches<typeof accessExplainRequest, AccessExplainRequest>,
    SchemaMatches<typeof accessExplainResponse, AccessExplainResponse>,
  ]
>();
