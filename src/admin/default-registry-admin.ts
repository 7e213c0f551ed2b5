import type { ListEntry } from '../core/registry.js';
import { definedFields } from '../core/defined-fields.js';
import { ClerkError } from '../core/errors.js';
import { compareNames } from '../core/name.js';
import type { AuditLine } from '../protocol/audit-messages.js';
import { auditResponse } from '../protocol/audit-schemas.js';
import type { LaunchResponse, StopResponse } from '../protocol/launch-messages.js';
import type { ResolveResponse, SearchMessage, WhoisResponse } from '../protocol/lookup-messages.js';
import type {
  ChangeResponse,
  DirectoryResponse,
  ExportLine,
  ImportResponse,
} from '../protocol/naming-messages.js';
import { paths } from '../protocol/paths.js';
import * as responses from '../protocol/response-schemas.js';
import type { StatusResponse } from '../protocol/status-messages.js';
import { importLines } from './import-lines.js';
import type {
  AuditOptions,
  CancelOptions,
  DefineOptions,
  DirectoryOptions,
  ImportRequestOptions,
  ImportSource,
  LaunchOptions,
  LinkOptions,
  RegistryAdmin,
  RemoveOptions,
  ResetOptions,
} from './registry-admin.js';
import { splitOptions, type AdminRequestOptions } from './admin-request-options.js';
import type { AccessAdmin, GroupAdmin, IdentityAdmin } from './rights-admin.js';
import { startGraceMs, startTimeoutMs } from './request-timeout.js';
import { accessAdmin, groupAdmin, identityAdmin } from './rights-requests.js';
import type { ResponseSchema, SchemaClient } from './schema-client.js';

const auditLinesPerPage = 500;
const maxAuditBytes = 64 * 1024 * 1024;
/** Maximum time until the registry responds if the log has no new line, in ms. */
const followWaitMs = 15_000;
const auditKeys = Object.keys({
  since: true,
  after: true,
  follow: true,
  principal: true,
  name: true,
} satisfies Record<Exclude<keyof AuditOptions, keyof AdminRequestOptions>, true>);

interface PageMessage<Entry> {
  readonly entries: readonly Entry[];
  readonly next: string | null;
  readonly incarnation: string;
}

export class DefaultRegistryAdmin implements RegistryAdmin {
  readonly access: AccessAdmin;
  readonly groups: GroupAdmin;
  readonly identities: IdentityAdmin;
  readonly #client: SchemaClient;
  readonly #onClose: () => void;

  /** @param onClose - called before the connections are closed */
  constructor(client: SchemaClient, onClose: () => void = () => undefined) {
    this.#client = client;
    this.#onClose = onClose;
    this.access = accessAdmin(client);
    this.groups = groupAdmin(client, (options) => this.export(options));
    this.identities = identityAdmin(client);
  }

  async define(name: string, options: DefineOptions = {}): Promise<ChangeResponse> {
    const [request, settings] = splitOptions(options, 'define');
    return this.#client.post(paths.define, responses.changeResponse, { ...settings, name }, request);
  }

  async link(name: string, target: string, options: LinkOptions = {}): Promise<ChangeResponse> {
    const [request, settings] = splitOptions(options, 'link');
    return this.#client.post(paths.link, responses.changeResponse, { ...settings, name, target }, request);
  }

  async cancel(name: string, options: CancelOptions = {}): Promise<ChangeResponse> {
    const [request, settings] = splitOptions(options, 'cancel');
    return this.#client.post(paths.cancel, responses.changeResponse, { ...settings, name }, request);
  }

  async directory(name: string, options: DirectoryOptions = {}): Promise<DirectoryResponse> {
    const [request, settings] = splitOptions(options, 'directory');
    return this.#client.post(paths.directory, responses.directoryResponse, { ...settings, name }, request);
  }

  async move(from: string, to: string, options: AdminRequestOptions = {}): Promise<ChangeResponse> {
    const [request, settings] = splitOptions(options, 'move');
    return this.#client.post(paths.move, responses.changeResponse, { ...settings, from, to }, request);
  }

  async remove(name: string, options: RemoveOptions = {}): Promise<ChangeResponse> {
    const [request, settings] = splitOptions(options, 'remove');
    return this.#client.post(paths.remove, responses.changeResponse, { ...settings, name }, request);
  }

  async launch(name: string, options: LaunchOptions = {}): Promise<LaunchResponse> {
    const [request, settings] = splitOptions(options, 'launch');
    const { waitMs = this.#client.timeoutMs ?? startTimeoutMs } = settings;
    const limits = { ...request, timeoutMs: waitMs, graceMs: startGraceMs };
    const body = { ...settings, name, waitMs };
    return this.#client.post(paths.launch, responses.launchResponse, body, limits);
  }

  async stop(name: string, options: AdminRequestOptions = {}): Promise<StopResponse> {
    const [request, settings] = splitOptions(options, 'stop');
    return this.#client.post(paths.stop, responses.stopResponse, { ...settings, name }, request);
  }

  async reset(name: string, options: ResetOptions = {}): Promise<LaunchResponse> {
    const [request, settings] = splitOptions(options, 'reset');
    const limits = { ...request, timeoutMs: this.#client.timeoutMs ?? startTimeoutMs };
    return this.#client.post(paths.reset, responses.launchResponse, { ...settings, name }, limits);
  }

  async status(options: AdminRequestOptions = {}): Promise<StatusResponse> {
    const [request] = splitOptions(options, 'status', []);
    return this.#client.get(paths.status, responses.statusResponse, request);
  }

  async resolve(name: string, options: AdminRequestOptions = {}): Promise<ResolveResponse> {
    const [request] = splitOptions(options, 'resolve', []);
    return this.#client.get(paths.resolve, responses.resolveResponse, { ...request, query: { name } });
  }

  async *list(
    glob = '/**',
    options: AdminRequestOptions = {},
  ): AsyncGenerator<readonly ListEntry[], void, void> {
    const [request] = splitOptions(options, 'list', []);
    yield* this.#pages(paths.list, responses.listResponse, { glob }, request);
  }

  async *search(
    glob: string,
    filter: Readonly<Record<string, string>> = {},
    options: AdminRequestOptions = {},
  ): AsyncGenerator<readonly SearchMessage[], void, void> {
    const [request] = splitOptions(options, 'search', []);
    const reserved = ['glob', 'after'].find((key) => Object.hasOwn(filter, key));
    if (reserved !== undefined)
      throw new ClerkError(
        'CONFIG_INVALID',
        `A search filter must not have the key '${reserved}', which is a parameter of the request; use another attribute`,
      );
    yield* this.#pages(paths.search, responses.searchResponse, { ...filter, glob }, request);
  }

  async *#pages<Entry>(
    path: string,
    schema: ResponseSchema<PageMessage<Entry>>,
    query: Readonly<Record<string, string>>,
    request: AdminRequestOptions,
  ): AsyncGenerator<readonly Entry[], void, void> {
    let after: string | undefined;
    let first: string | undefined;
    do {
      const page = { ...request, query: { ...query, ...definedFields({ after }) } };
      const { entries, next, incarnation } = await this.#client.get(path, schema, page);
      first ??= incarnation;
      // A repeated position would make this loop endless.
      const goesBack = next !== null && after !== undefined && compareNames(next, after) <= 0;
      if (incarnation !== first || goesBack)
        throw new ClerkError(
          'REGISTRY_INVALID',
          'The listing was interrupted because the registry lost its data or was replaced; start the listing again',
        );
      yield entries;
      after = next ?? undefined;
    } while (after !== undefined);
  }

  async whois(address: string, options: AdminRequestOptions = {}): Promise<WhoisResponse['owners']> {
    const [request] = splitOptions(options, 'whois', []);
    const query = { address };
    return (await this.#client.get(paths.whois, responses.whoisResponse, { ...request, query })).owners;
  }

  async *export(options: AdminRequestOptions = {}): AsyncGenerator<ExportLine, void, void> {
    const [request] = splitOptions(options, 'export', []);
    for await (const lines of this.#client.export(request)) yield* lines as readonly ExportLine[];
  }

  async import(lines: ImportSource, options: ImportRequestOptions = {}): Promise<ImportResponse> {
    const [request, settings] = splitOptions(options, 'import', ['dryRun', 'whenExpired', 'prune']);
    return importLines(this.#client, lines, settings, request);
  }

  async *audit(options: AuditOptions = {}): AsyncGenerator<AuditLine, void, void> {
    for await (const lines of this.auditPages(options)) yield* lines;
  }

  async *auditPages(options: AuditOptions = {}): AsyncGenerator<readonly AuditLine[], void, void> {
    const [request, { since, principal, name, after, follow = false }] = splitOptions(
      options,
      'audit',
      auditKeys,
    );
    let next = after === undefined ? undefined : String(after);
    for (;;) {
      const query = definedFields({
        ...{ principal, name, after: next, limit: String(auditLinesPerPage) },
        since: typeof since === 'object' ? since.toISOString() : since,
        waitMs: follow ? String(followWaitMs) : undefined,
      });
      const {
        lines,
        more,
        next: following,
      } = await this.#client.get(paths.audit, auditResponse, {
        ...{ ...request, query, maxResponseBytes: maxAuditBytes, graceMs: follow ? followWaitMs : 0 },
      });
      yield lines;
      next = following;
      if (!more && !follow) return;
    }
  }

  async close(): Promise<void> {
    this.#onClose();
    await this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
