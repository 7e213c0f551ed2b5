/**
 * Where the measured code comes from: the built package above this folder, and the one copy of undici that the package
 * itself uses, so that ours and the peers never differ by a version.
 */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const above = createRequire(new URL('../../package.json', import.meta.url));

/** The undici of the package. @type {typeof import('undici')} */
export const undici = above('undici');

/** Folder of the package, for processes that import it by name. */
export const packageFolder = fileURLToPath(new URL('../..', import.meta.url));

/** The package's own description. */
export const packageInfo = above('./package.json');

/**
 * The library's address, as a URL to import.
 *
 * @param {string | undefined} other - a module to measure in place of the build
 */
export function subjectUrl(other) {
  if (other !== undefined) return pathToFileURL(resolve(other)).href;
  return pathToFileURL(above.resolve('binding-clerk')).href;
}

/**
 * The address of a file of the build, for the rows that time one part by itself.
 *
 * @param {string} path - beside the library's entry
 * @param {string | undefined} other - a module to measure in place of the build
 */
export const internalUrl = (path, other) => new URL(path, subjectUrl(other)).href;

/** An error's message without the folders of this machine. @param {unknown} error */
export const plainMessage = (error) =>
  (error instanceof Error ? error.message : String(error)).replaceAll(
    /(file:\/\/)?\/(?!\/)[^\s'"]*\/(?=[^\s'"/]+)/g,
    '…/',
  );

/** Version of an installed dependency. @param {string} name */
export const versionOf = (name) => above(`${name}/package.json`).version;
