import { ClerkError, errorMessage } from '../../core/errors.js';
import { matches } from '../../core/glob.js';
import type { LaunchRule } from '../../protocol/naming-messages.js';
import type { LauncherContext } from './launcher-context.js';
import type { Manifest } from './manifest.js';
import { fillTemplates } from './parameters.js';

/**
 * A manifest stays valid after a move of its service: its glob may match a former name of the service.
 *
 * @param name - canonical name
 * @throws {@link ClerkError} `FORBIDDEN` when the manifest is not for this service
 */
export function checkService(
  { service }: Manifest,
  manifest: string,
  name: string,
  names: Pick<LauncherContext['names'], 'formerNames'>,
): void {
  if (matches(service, name) || names.formerNames(name).some((former) => matches(service, former))) return;
  throw new ClerkError(
    'FORBIDDEN',
    `Manifest ${manifest} starts only services that match ${service.text}; got ${name}; use another manifest in the launch rule`,
  );
}

/**
 * Finds the manifest, the arguments and the program for a start. All methods throw `START_FAILED`, or `FORBIDDEN`
 * when the manifest is not for this service.
 */
export class StartPreparation {
  readonly #name: string;
  readonly #context: Pick<LauncherContext, 'names' | 'manifests' | 'programChangeReason'>;

  constructor(name: string, context: Pick<LauncherContext, 'names' | 'manifests' | 'programChangeReason'>) {
    this.#name = name;
    this.#context = context;
  }

  /** Makes all checks of a start without starting a process. */
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
        `manifest ${name} did not exist on this host when the server started; add ${name}.yaml to the manifest folder and restart the server`,
      );
    checkService(manifest, name, this.#name, this.#context.names);
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

/** @param remainingMs - time after which a new start can succeed, in ms; undefined if it is unknown */
export function startError(name: string, reason: string, remainingMs?: number): ClerkError {
  return new ClerkError(
    'START_FAILED',
    `${name} could not be started: ${reason}`,
    remainingMs === undefined ? {} : { remainingMs },
  );
}
