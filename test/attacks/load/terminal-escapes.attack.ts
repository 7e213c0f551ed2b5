import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createClerk } from '../../../src/index.js';
import { respondJson, startHostileRegistry } from './hostile-registry.js';
import type { LoadAttack } from './load-attack.js';
import { nodeArguments } from '../../support/compiled-programs.js';

const unsafe = '\u001b]0;owned\u0007\u001b[2J\u009b1A\r\nclerk: fine\u202e\u2066\u200b\u2028';
/** Characters that a terminal obeys, apart from the line breaks of the command line itself. */
const obeyed = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

const count = (text: string): number => text.match(obeyed)?.length ?? 0;

function runCommandLine(args: readonly string[], registry: string): Promise<string> {
  return new Promise((resolve) => {
    const env = { ...process.env, CLERK_REGISTRY: registry };
    execFile(process.execPath, [...nodeArguments(main), ...args], { env }, (_, stdout, stderr) =>
      resolve((stdout + stderr).replaceAll('\n', '')),
    );
  });
}

export const attack: LoadAttack = {
  name: 'terminal-escapes',
  what: 'text of a registry or a service reaches no message, warning or pipe with control or format characters',
  sizes: { small: 2, full: 6 },
  limits: { unsafeCharacters: 0, missingTexts: 0 },
  async run(size) {
    const registry = await startHostileRegistry((path, _body, response) => {
      if (path === '/orders') respondJson(response, 500, { error: { code: unsafe, message: unsafe } });
      else respondJson(response, 403, { error: { code: 'FORBIDDEN', message: unsafe } });
    });
    const texts: string[] = [];
    const log = (message: string): void => void texts.push(message);
    const logger = { debug: log, info: log, warn: log, error: log };
    const remember = (error: Error): void =>
      void texts.push(error.message, error.cause instanceof Error ? error.cause.message : '');
    const clerk = createClerk({ registry: registry.url, logger });
    const service = createClerk({ registry: { '/shop/orders': [registry.url] }, logger });
    await clerk.resolve('/shop/orders').catch(remember);
    await clerk.list('/**').catch(remember);
    await clerk.bind('/shop/orders').json('/').catch(remember);
    await service.bind('/shop/orders').json('/orders').catch(remember);
    await clerk.destroy();
    await service.destroy();
    const commands = [
      'ls',
      'resolve /shop/orders',
      'call /shop/orders /',
      'whois http://a',
      'rm /a',
      'launch /a',
    ];
    for (const command of commands.slice(0, size))
      for (const json of [[], ['--json']])
        texts.push(await runCommandLine([...command.split(' '), ...json], registry.url));
    await registry.close();
    return {
      unsafeCharacters: texts.reduce((sum, text) => sum + count(text), 0),
      missingTexts: Math.max(0, size * 2 - texts.filter((text) => text.includes('owned')).length),
    };
  },
};
