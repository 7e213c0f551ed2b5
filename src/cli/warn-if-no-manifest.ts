import type { CommandContext } from './command-context.js';
import { styled } from './output.js';

/**
 * Warns if the registry cannot start a service that was defined with a manifest. A missing manifest is not an error,
 * because the operator may add the manifest later.
 */
export async function warnIfNoManifest(
  { registry, stderr }: CommandContext,
  name: string,
  manifest: string,
): Promise<void> {
  // The service is already defined, so the command succeeds even if this lookup fails.
  const response = await registry.resolve(name).catch(() => undefined);
  if (response?.launchable !== false) return;
  await stderr.line(
    styled(
      'warning',
      `Warning: the registry has no manifest ${manifest}, so the registry cannot start ${name}; add ${manifest}.yaml to the --manifests folder of the registry and restart the registry`,
    ),
  );
}
