import { ClerkError } from '../../core/errors.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { styled } from '../output.js';
import { identityPath, registryPins } from '../registry-credentials.js';
import { registryUrls } from '../registry-option.js';

export const addRotateCommand = defineCommand({
  usage: 'rotate [file]',
  summary: 'replace the key in an identity file',
  description:
    'Replace the key in an identity file by a new key, which the old key enrolls at the registry. Programs that use the file take over the new key while they run. The old key stays valid for some minutes, so no call fails. After a crash, repeat the command to complete the rotation.',
  opensIdentity: false,
  examples: [
    ['clerk identity rotate web.identity', 'a file'],
    ['clerk identity rotate', 'the file in $CLERK_IDENTITY'],
  ],
  run: rotate,
});

async function rotate(
  { io, options, stdout, json }: CommandContext,
  given: string | undefined,
): Promise<void> {
  const file = given ?? identityPath(options, io.env);
  if (file === undefined)
    throw new ClerkError(
      'CONFIG_INVALID',
      'clerk identity rotate needs an identity file; give its path, or set $CLERK_IDENTITY',
    );
  const { openIdentity } = await import('../../identity/index.js');
  const { registry, registryKeys, last } = await openIdentity(file);
  const identity = await openIdentity({
    file,
    registry: registryUrls({
      option: options.registry,
      environment: io.env.CLERK_REGISTRY,
      identity: registry,
      needsTls: true,
    }),
    registryKey: registryPins(options, io.env) ?? registryKeys,
  });
  await identity.rotate();
  const { name } = identity;
  const [key, formerKey] = [identity.last?.pin, last?.pin];
  if (json) return stdout.json({ name, file, key, formerKey });
  await stdout.line(`Rotated the key of ${name} in ${file}`, styled('faint', `  key ${String(key)}`));
  await stdout.line(
    styled('faint', `The former key stays valid for a while: clerk identity ls ${name} shows until when`),
  );
}
