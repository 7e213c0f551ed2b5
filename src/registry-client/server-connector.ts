import type { Clock } from '../core/clock.js';
import type { CredentialSource } from '../core/credentials.js';
import type { KeyPin } from '../core/key-pin.js';
import { RegistryPins, type RegistryStatement } from '../core/registry-pins.js';
import type { TlsOptions } from '../core/transport.js';
import type { RegistryConnection } from './connection.js';
import { httpConnection } from './http-connection.js';
import type { RegistryDialer, UndiciModule } from './unref-connector.js';

/** The credentials that a program proves to a registry, and the keys that the registry must prove. */
export interface RegistryCredentials extends CredentialSource {
  /** Pins of the registry keys; empty when unknown. */
  readonly registryKeys?: readonly KeyPin[];
  learnRegistryKeys?(keys: readonly KeyPin[]): void;
}

export interface DialerSettings {
  /** Read before each dial. */
  readonly pins: () => readonly KeyPin[];
  readonly credentials: CredentialSource | undefined;
  readonly onStatement: (statement: RegistryStatement) => void;
}

export interface ServerConnectorOptions {
  readonly clock: Clock;
  readonly tls: TlsOptions;
  readonly undici: () => UndiciModule;
  readonly credentials: RegistryCredentials | undefined;
  /** Keys that the registry must prove. Undefined: the registry keys of the credentials. */
  readonly registryKeys: readonly KeyPin[] | undefined;
  /** Called if the registry must prove a key. */
  readonly createDialer: (settings: DialerSettings) => RegistryDialer;
}

/**
 * Returns the function that connects to each server of one registry. The connections share the registry keys that the
 * servers announce.
 */
export function serverConnector(options: ServerConnectorOptions): (url: string) => RegistryConnection {
  const { clock, tls, undici, credentials, registryKeys, createDialer } = options;
  const pins = new RegistryPins(() => registryKeys ?? credentials?.registryKeys ?? []);
  const dialer =
    credentials === undefined && registryKeys === undefined
      ? undefined
      : createDialer({
          pins: () => pins.present,
          credentials,
          onStatement: ({ keys }) => {
            pins.learn(keys);
            credentials?.learnRegistryKeys?.(keys);
          },
        });
  return (url) => httpConnection(url, { clock, tls, undici, dialer });
}
