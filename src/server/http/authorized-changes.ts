import type {
  CancelRequest,
  ChangeResponse,
  DefineRequest,
  DirectoryRequest,
  DirectoryResponse,
  ExportLine,
  ImportOptions,
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

/** The operations of the name service for changes, as routes use them. */
export type NameChanges = { status(): StatusResponse } & Pick<
  NameService,
  | 'define'
  | 'link'
  | 'directory'
  | 'move'
  | 'cancel'
  | 'remove'
  | 'register'
  | 'prepareRenewals'
  | 'renew'
  | 'withdraw'
  | 'importLines'
>;

/**
 * Checks the rights for a change before it is planned, so that the error contains only names of the request. The plan
 * of the change checks the rights again, because links may have changed in between.
 */
export class AuthorizedChanges implements NameChanges {
  readonly #names: NameChanges;
  readonly #rights: RequestRights;

  constructor(names: NameChanges, rights: RequestRights) {
    this.#names = names;
    this.#rights = rights;
  }

  /** Omits the totals without the right `read` on `/`, because they would reveal the number of hidden names. */
  status(): StatusResponse {
    const status = this.#names.status();
    if (this.#rights.has('/', 'read')) return status;
    const { services: _, endpoints: _e, links: _l, watches: _w, scheduled: _s, ...rest } = status;
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

  async cancel(request: CancelRequest, caller?: Caller): Promise<ChangeResponse> {
    this.#rights.requireWrite(request.name);
    return this.#names.cancel(request, caller);
  }

  async remove(request: RemoveRequest, caller?: Caller): Promise<ChangeResponse> {
    this.#rights.requireWrite(request.name);
    return this.#names.remove(request, caller);
  }

  async importLines(
    lines: readonly ExportLine[],
    caller?: Caller,
    options?: ImportOptions,
  ): Promise<ImportResponse> {
    for (const line of lines) if (line.kind !== 'access') this.#rights.requireWrite(line.name);
    return this.#names.importLines(lines, caller, options);
  }

  async register(request: RegisterRequest, caller: Caller): Promise<RegisterResponse> {
    this.#rights.require(request.name, 'advertise');
    return this.#names.register(request, caller);
  }

  renew(request: RenewRequest, caller?: Caller): RenewResponse {
    return this.#names.renew(request, caller);
  }

  prepareRenewals(request: RenewRequest): Promise<void> | undefined {
    return this.#names.prepareRenewals(request);
  }

  async withdraw(request: WithdrawRequest, caller?: Caller): Promise<ChangeResponse> {
    this.#rights.require(request.name, 'advertise');
    return this.#names.withdraw(request, caller);
  }
}
