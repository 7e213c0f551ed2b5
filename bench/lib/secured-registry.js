/** A secured bundled server with a durable store, and identities of its clients. */
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child } from './child-process.js';
import { sendJson } from './registry-requests.js';
import { registryServer } from './registry-servers.js';
import { internalUrl } from './subject.js';
import { temporaryFolder } from './temporary-folder.js';

/**
 * @typedef {object} SecuredClient - what a process needs to prove a principal, and to check the registry
 * @property {string} registry - URL
 * @property {string} registryKey
 * @property {string} identity - path of the identity file
 */

/** @typedef {{ principal: string, pin: string }} Operator */

/** The pin of the key in a certificate. @param {Uint8Array | string} certificate - PEM or DER */
export const pinOf = (certificate) => {
  const spki = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256/${createHash('sha256').update(spki).digest('base64url')}`;
};

/** How a client without the library proves the identity in a file. @param {string} file */
export function tlsOf(file) {
  const { key, cert } = JSON.parse(readFileSync(file, 'utf8'));
  return { key, cert, minVersion: /** @type {const} */ ('TLSv1.3'), rejectUnauthorized: false };
}

/**
 * Starts a server with a new data folder that was initialized. Its pool sends requests of the operator.
 *
 * @param {import('./context.js').Context} context
 * @param {{ execArgv?: string[], fill?: (folder: { data: string, operator: Operator }) => Promise<void> }} [options] - `fill`: called before the server starts
 */
export async function startSecuredServer({ subject }, { execArgv = [], fill } = {}) {
  const folder = temporaryFolder();
  const child = new Child('processes/bundled-server.js', { execArgv });
  try {
    const { initializeRegistry } = await import(internalUrl('server/index.js', subject));
    const { openIdentity } = await import(internalUrl('identity/index.js', subject));
    const data = join(folder.path, 'data');
    /** @type {{ registryKey: string, operator: string }} */
    const { registryKey, operator } = await initializeRegistry(data);
    const { name: principal, cert } = JSON.parse(readFileSync(operator, 'utf8'));
    await fill?.({ data, operator: { principal, pin: pinOf(cert) } });
    const { url, port } = await child.call('start', { subject, options: { data } });
    const server = registryServer(child, url, port, folder, tlsOf(operator));
    let identities = 0;
    return {
      ...server,
      child,
      registryKey,
      operator,
      /**
       * Enrols a new key of a principal.
       *
       * @param {string} principal
       * @returns {Promise<SecuredClient>}
       */
      async enrol(principal) {
        const file = join(folder.path, `${++identities}.identity`);
        const { token } = await sendJson(server.pool, '/v1/tokens', { principal });
        await openIdentity({ name: principal, token, registry: url, registryKey, file });
        return { registry: url, registryKey, identity: file };
      },
      /** @param {string} principal @param {string} path @param {string[]} rights */
      allow: (principal, path, rights) =>
        sendJson(server.pool, '/v1/acl', { change: 'allow', principal, path, rights }),
    };
  } catch (error) {
    await child.end();
    folder.remove();
    throw error;
  }
}

/**
 * Starts a secured server, a service `/shop/orders` with an identity, and a client that may call the service.
 *
 * @param {import('./context.js').Context} context
 */
export async function startSecuredFleet(context) {
  const registry = await startSecuredServer(context);
  const service = new Child('processes/secured-service.js');
  const end = async () => {
    await service.end();
    await registry.end();
  };
  try {
    const name = '/shop/orders';
    await registry.allow('/shop/web', name, ['call']);
    const [identity, client] = [await registry.enrol(name), await registry.enrol('/shop/web')];
    /** @type {import('../processes/secured-service.js').Ports} */
    const ports = await service.call('listen', { name, ...identity, subject: context.subject });
    const pin = pinOf(tlsOf(identity.identity).cert);
    return { registry, service, client: { ...client, name, pin, ports }, end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** @typedef {Awaited<ReturnType<typeof startSecuredFleet>>['client']} FleetClient */
