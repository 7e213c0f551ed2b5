import type { Clock } from '../core/clock.js';
import { escapeText } from '../core/escape-text.js';
import type { KeyPin } from '../core/key-pin.js';
import type { TlsOptions } from '../core/transport.js';
import {
  serverConnector,
  type DialerSettings,
  type RegistryCredentials,
} from '../registry-client/server-connector.js';
import type { RegistryDialer } from '../registry-client/unref-connector.js';
import { currentProcess } from '../runtime/current-process.js';
import { systemClock } from '../runtime/system-clock.js';
import { undici } from '../transport/load-undici.js';
import { DefaultRegistryAdmin } from './default-registry-admin.js';
import type { RegistryAdmin } from './registry-admin.js';
import { SchemaClient } from './schema-client.js';

export interface RegistryAdminSettings {
  readonly urls: readonly string[];
  readonly credentials: RegistryCredentials | undefined;
  /** If undefined, the registry keys of the credentials apply. */
  readonly registryKeys: readonly KeyPin[] | undefined;
  /** Default: the certificate authorities that Node trusts. */
  readonly tls?: TlsOptions;
  /** Time limit of a request, in ms. If undefined, the default of the request applies. */
  readonly timeoutMs: number | undefined;
  readonly onClose?: () => void;
}

/** Makes no connection before the first request. */
export function openRegistryAdmin(settings: RegistryAdminSettings): RegistryAdmin {
  const { urls, credentials, registryKeys, tls = {}, timeoutMs, onClose } = settings;
  const clock = systemClock;
  const createDialer = (dialer: DialerSettings): RegistryDialer => lazyDialer(dialer, clock);
  const connect = serverConnector({ clock, tls, undici, credentials, registryKeys, createDialer });
  const warn = (message: string): void => currentProcess.warn(escapeText(message));
  const discovery = { connect, warn };
  const client = new SchemaClient({ connections: urls.map(connect), discovery, clock, timeoutMs });
  return new DefaultRegistryAdmin(client, onClose);
}

/**
 * Loads the modules for key pins on first use. Commands start faster without these modules, and only a registry that
 * must prove a key needs them.
 */
function lazyDialer(settings: DialerSettings, clock: Clock): RegistryDialer {
  const { credentials } = settings;
  let opened: RegistryDialer | undefined;
  return {
    async prepare() {
      opened ??= await openDialer(settings, clock);
      await opened.prepare();
    },
    poll: () => void credentials?.current().catch(() => undefined),
    dial:
      (address, timeoutMs) =>
      (...dialled) =>
        opened?.dial(address, timeoutMs)(...dialled),
    onResponse: (head) => opened?.onResponse?.(head),
    onChanged: (listener) => credentials?.onChanged(listener) ?? (() => undefined),
  };
}

async function openDialer(settings: DialerSettings, clock: Clock): Promise<RegistryDialer> {
  const [{ PinnedRegistryDialer }, { systemKeys }] = await Promise.all([
    import('../transport/pinned-registry-dialer.js'),
    import('../runtime/system-keys.js'),
  ]);
  return new PinnedRegistryDialer({ ...settings, keys: systemKeys, clock });
}
