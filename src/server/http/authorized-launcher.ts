import type {
  LaunchRequest,
  LaunchResponse,
  ResetRequest,
  StopRequest,
  StopResponse,
} from '../../protocol/launch-messages.js';
import type { LaunchRule } from '../../protocol/naming-messages.js';
import type { OutdatedInstance } from '../../protocol/status-messages.js';
import type { Launcher } from '../ports.js';
import type { RequestRights } from './request-rights.js';

export type RouteLauncher = Pick<Launcher, 'launch' | 'stop' | 'reset' | 'outdated' | 'checkRule'>;

/** The launcher as one caller may use it. The caller needs the right `launch` on the service. */
export class AuthorizedLauncher implements RouteLauncher {
  readonly #launcher: RouteLauncher;
  readonly #rights: RequestRights;

  constructor(launcher: RouteLauncher, rights: RequestRights) {
    this.#launcher = launcher;
    this.#rights = rights;
  }

  async launch(request: LaunchRequest, signal: AbortSignal | undefined): Promise<LaunchResponse> {
    this.#rights.require(request.name, 'launch');
    return this.#launcher.launch(request, signal);
  }

  async stop(request: StopRequest): Promise<StopResponse> {
    this.#rights.require(request.name, 'launch');
    return this.#launcher.stop(request);
  }

  async reset(request: ResetRequest, signal?: AbortSignal): Promise<LaunchResponse> {
    this.#rights.require(request.name, 'launch');
    return this.#launcher.reset(request, signal);
  }

  /**
   * Skips the check for a caller without the right `write`, so that the error of the check reveals nothing about the
   * manifest. The server rejects the whole request later.
   */
  checkRule(name: string, rule: LaunchRule): void {
    if (this.#rights.has(name, 'write')) this.#launcher.checkRule(name, rule);
  }

  outdated(): readonly OutdatedInstance[] {
    return this.#launcher.outdated().filter(({ name }) => this.#rights.has(name, 'read'));
  }
}
