import type {
  ChangeResponse,
  DefineRequest,
  DirectoryRequest,
  DirectoryResponse,
  ExportLine,
  ImportResponse,
  LinkRequest,
  MoveRequest,
  RemoveRequest,
} from '../../protocol/naming-messages.js';
import type {
  RegisterRequest,
  RegisterResponse,
  RenewRequest,
  RenewResponse,
  WithdrawRequest,
} from '../../protocol/registration-messages.js';
import type { StatusResponse } from '../../protocol/status-messages.js';
import type { Caller, NameService } from '../ports.js';
import type { RequestRights } from './request-rights.js';

/** The operations of the name service that routes use beside the queries. */
export type NameChanges = { status(): StatusResponse } & Pick<
  NameService,
  'define' | 'link' | 'directory' | 'move' | 'remove' | 'register' | 'renew' | 'withdraw' | 'importLines'
>;

/**
 * Refuses a change without the right before the change is planned, so that the error names only what the client has
 * named. The name service checks the rights again in the plan of the change, because links may have changed.
 */
export class AuthorizedChanges implements NameChanges {
  readonly #names: NameChanges;
  readonly #rights: RequestRights;

  constructor(names: NameChanges, rights: RequestRights) {
    this.#names = names;
    this.#rights = rights;
  }

  /** Totals would tell how many names are hidden from the caller. */
  status(): StatusResponse {
    const status = this.#names.status();
    if (this.#rights.has('/', 'read')) return status;
    const { services: _, endpoints: _e, links: _l, watches: _w, ...rest } = status;
    return rest;
  }

  async define(request: DefineRequest, caller?: Caller): Promise<ChangeResponse> {
    this.#rights.requireWrite(request.name);
    return this.#names.define(request, caller);
  }

  async link(request: LinkRequest, caller?: Caller): Promise<ChangeResponse> {
    this.#rights.requireWrite(request.name);
    return this.#names.link(request, caller);
  }

  async directory(request: DirectoryRequest, caller?: Caller): Promise<DirectoryResponse> {
    this.#rights.requireWrite(request.name);
    return this.#names.directory(request, caller);
  }

  async move(request: MoveRequest, caller?: Caller): Promise<ChangeResponse> {
    this.#rights.requireWrite(request.from);
    this.#rights.requireWrite(request.to);
    return this.#names.move(request, caller);
  }

  async remove(request: RemoveRequest, caller?: Caller): Promise<ChangeResponse> {
    this.#rights.requireWrite(request.name);
    return this.#names.remove(request, caller);
  }

  async importLines(lines: readonly ExportLine[], caller?: Caller): Promise<ImportResponse> {
    for (const line of lines) if (line.kind !== 'access') this.#rights.requireWrite(line.name);
    return this.#names.importLines(lines, caller);
  }

  async register(request: RegisterRequest, caller: Caller): Promise<RegisterResponse> {
    this.#rights.require(request.name, 'advertise');
    return this.#names.register(request, caller);
  }

  renew(request: RenewRequest, caller?: Caller): RenewResponse {
    return this.#names.renew(request, caller);
  }

  async withdraw(request: WithdrawRequest, caller?: Caller): Promise<ChangeResponse> {
    this.#rights.require(request.name, 'advertise');
    return this.#names.withdraw(request, caller);
  }
}
