import type { LaunchRule } from '../../protocol/naming-messages.js';
import type { Launch } from './launch.js';
import type { LauncherContext } from './launcher-context.js';
import type { Manifest } from './manifest.js';

export interface ReplaceableService {
  readonly name: string;
  checkStart(rule: LaunchRule): Promise<Manifest>;
  startBeside(rule: LaunchRule): Promise<void>;
  /** Starts the service unless it has a callable endpoint. */
  startAlone(rule: LaunchRule): Promise<void>;
}

/**
 * Replaces running instances one by one: starts a new instance, waits for its registration, then drains the old one.
 * If `maxInstances` is reached, drains the old instance first, so callers wait for the new one. Kills an old instance
 * that does not respond. Stops at the first failed start; the remaining instances keep running.
 *
 * @see [C6.8](../../../docs/guarantees.md#c6-8)
 */
export async function replaceOneByOne(
  service: ReplaceableService,
  { instanceLimit, logger }: Pick<LauncherContext, 'instanceLimit' | 'logger'>,
  rule: LaunchRule,
  running: readonly Launch[],
): Promise<void> {
  for (const old of running) {
    if (old.isStopping || (await old.inspect())) continue;
    const { maxInstances } = await service.checkStart(rule);
    const hasRoom = instanceLimit.tryAcquire(rule.manifest, maxInstances);
    if (hasRoom) instanceLimit.release(rule.manifest);
    const { instance } = old.record;
    logger.info(
      `Replacing ${service.name} (${instance}): ${hasRoom ? 'the new instance is started first' : 'the old instance is drained first, because maxInstances is reached'}`,
    );
    if (hasRoom) await service.startBeside(rule);
    await old.drain('the instance was replaced');
    if (!hasRoom) await service.startAlone(rule);
  }
  await service.startAlone(rule);
}
