import { accessRights } from '../core/access-right.js';
import { definedFields } from '../core/defined-fields.js';
import { matches, parseGlob } from '../core/glob.js';
import * as schemas from '../protocol/identity-schemas.js';
import type { ExportLine } from '../protocol/naming-messages.js';
import { paths } from '../protocol/paths.js';
import { changeResponse } from '../protocol/response-schemas.js';
import { splitOptions, type AdminRequestOptions } from './admin-request-options.js';
import type { AccessAdmin, GroupAdmin, IdentityAdmin } from './rights-admin.js';
import type { SchemaClient } from './schema-client.js';

export function accessAdmin(client: SchemaClient): AccessAdmin {
  return {
    async allow(principal, path, rights, options = {}) {
      const [request, settings] = splitOptions(options, 'access.allow');
      const body = { ...settings, change: 'allow', principal, path, rights };
      return client.post(paths.access, changeResponse, body, request);
    },
    async remove(principal, path, rights = accessRights, options = {}) {
      const [request, settings] = splitOptions(options, 'access.remove');
      const body = { ...settings, change: 'remove', principal, path, rights };
      return client.post(paths.access, changeResponse, body, request);
    },
    async list(path, options = {}) {
      const [request] = splitOptions(options, 'access.list', []);
      const query = definedFields({ path });
      return (await client.get(paths.access, schemas.accessListResponse, { ...request, query })).entries;
    },
    async explain(principal, path, right, options = {}) {
      const [request] = splitOptions(options, 'access.explain', []);
      const query = { principal, path, right };
      return client.get(paths.accessExplain, schemas.accessExplainResponse, { ...request, query });
    },
  };
}

/**
 * @param exportAll - exports all definitions; the groups come from the export, because a list of names contains only
 * the number of members
 */
export function groupAdmin(
  client: SchemaClient,
  exportAll: (options: AdminRequestOptions) => AsyncIterable<ExportLine>,
): GroupAdmin {
  return {
    async set(name, members, options = {}) {
      const [request, settings] = splitOptions(options, 'groups.set');
      return client.post(paths.groups, changeResponse, { ...settings, name, members }, request);
    },
    async *list(glob = '/**', options = {}) {
      const pattern = parseGlob(glob);
      for await (const line of exportAll(options))
        if (line.kind === 'group' && matches(pattern, line.name))
          yield { name: line.name, members: line.members };
    },
  };
}

export function identityAdmin(client: SchemaClient): IdentityAdmin {
  return {
    async createToken(principal, options = {}) {
      const [request, settings] = splitOptions(options, 'identities.createToken');
      return client.post(paths.tokens, schemas.tokenResponse, { ...settings, principal }, request);
    },
    async list(principal, options = {}) {
      const [request] = splitOptions(options, 'identities.list', []);
      const query = definedFields({ principal });
      return (await client.get(paths.identities, schemas.identitiesResponse, { ...request, query }))
        .identities;
    },
    async revoke(principal, options = {}) {
      const [request, settings] = splitOptions(options, 'identities.revoke');
      return client.post(paths.revoke, schemas.revokeResponse, { ...settings, principal }, request);
    },
  };
}
