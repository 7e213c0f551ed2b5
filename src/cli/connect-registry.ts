import type { RegistryConnection } from '../registry-client/connection.js';
import { httpConnection } from '../registry-client/http-connection.js';
import type { RegistryDialer } from '../registry-client/unref-connector.js';
import { systemClock } from '../runtime/system-clock.js';
import { undici } from '../transport/load-undici.js';
import type { RegistryCredentials } from './registry-credentials.js';

export function connectRegistry(
  url: string,
  credentials: RegistryCredentials | undefined,
): RegistryConnection {
  const dialer = credentials && lazyDialer(credentials);
  return httpConnection(url, { clock: systemClock, tls: {}, undici, dialer });
}

/** The modules are loaded by commands with an identity or a registry key only, for a fast start. */
function lazyDialer(credentials: RegistryCredentials): RegistryDialer {
  let opened: RegistryDialer | undefined;
  return {
    async prepare() {
      opened ??= await openDialer(credentials);
      await opened.prepare();
    },
    dial:
      (address, timeoutMs) =>
      (...dialled) =>
        opened?.dial(address, timeoutMs)(...dialled),
    onResponse: (head) => opened?.onResponse?.(head),
    // A command ends before its key is replaced.
    onChanged: () => () => undefined,
  };
}

async function openDialer({ identity, registryKeys }: RegistryCredentials): Promise<RegistryDialer> {
  const [{ PinnedDialer }, { systemKeys }] = await Promise.all([
    import('../transport/pinned-dialer.js'),
    import('../runtime/system-keys.js'),
  ]);
  return new PinnedDialer({
    pins: () => registryKeys,
    credentials: identity,
    keys: systemKeys,
    clock: systemClock,
    onStatement: ({ keys }) => identity?.learnRegistryKeys(keys),
  });
}
