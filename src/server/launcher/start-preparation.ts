import { ClerkError, errorMessage } from '../../core/errors.js';
import { matches } from '../../core/glob.js';
import type { LaunchRule } from '../../protocol/naming-messages.js';
import type { LauncherContext } from './launcher-context.js';
import type { Manifest } from './manifest.js';
import { fillTemplates } from './parameters.js';

/**
 * Finds what a start of one service needs. All methods throw `START_FAILED`, or `FORBIDDEN` when the manifest does not start
 * this service.
 */
export class StartPreparation {
  readonly #name: string;
  readonly #context: Pick<LauncherContext, 'manifests' | 'programChangeReason'>;

  constructor(name: string, context: Pick<LauncherContext, 'manifests' | 'programChangeReason'>) {
    this.#name = name;
    this.#context = context;
  }

  /** Checks everything that can be checked without a start. */
  async check(rule: LaunchRule): Promise<Manifest> {
    const manifest = this.manifestFor(rule);
    await this.checkProgram(manifest, this.argumentsOf(manifest, rule));
    return manifest;
  }

  manifestFor({ manifest: name }: LaunchRule): Manifest {
    const manifest = this.#context.manifests.get(name);
    if (manifest === undefined)
      throw startError(
        this.#name,
        `manifest ${name} does not exist on this host; add ${name}.yaml to the manifest folder and restart the server`,
      );
    if (!matches(manifest.service, this.#name))
      throw new ClerkError(
        'FORBIDDEN',
        `Manifest ${name} starts only services that match ${manifest.service.text}; got ${this.#name}; use another manifest in the launch rule`,
      );
    return manifest;
  }

  argumentsOf(manifest: Manifest, { params = {} }: LaunchRule): readonly string[] {
    try {
      return fillTemplates(manifest.args, manifest.params, params);
    } catch (error) {
      throw startError(this.#name, errorMessage(error));
    }
  }

  async checkProgram(manifest: Manifest, args: readonly string[]): Promise<void> {
    const programChange = await this.#context.programChangeReason(manifest, args);
    if (programChange !== undefined) throw startError(this.#name, programChange);
  }
}

/** @param remainingMs - time until a new start can succeed; undefined if the start counts as a failure of the service */
export function startError(name: string, reason: string, remainingMs?: number): ClerkError {
  return new ClerkError(
    'START_FAILED',
    `${name} could not be started: ${reason}`,
    remainingMs === undefined ? {} : { remainingMs },
  );
}
