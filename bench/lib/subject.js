/**
 * The measured code: the built package in the parent folder, and the copy of undici that the package uses, so that ours
 * and the peers have the same version.
 */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const requireFromPackage = createRequire(new URL('../../package.json', import.meta.url));

/** The undici of the package. @type {typeof import('undici')} */
export const undici = requireFromPackage('undici');

/** Folder of the package; processes that import it by name run there. */
export const packageFolder = fileURLToPath(new URL('../..', import.meta.url));

/** `package.json` of the package. */
export const packageJson = requireFromPackage('./package.json');

/**
 * The URL from which to import the library.
 *
 * @param {string | undefined} subject - module to measure instead of the build
 */
export function subjectUrl(subject) {
  if (subject !== undefined) return pathToFileURL(resolve(subject)).href;
  return pathToFileURL(requireFromPackage.resolve('binding-clerk')).href;
}

/**
 * The URL of a file of the build, for rows that measure one part.
 *
 * @param {string} path - relative to the library's entry
 * @param {string | undefined} subject - module to measure instead of the build
 */
export const internalUrl = (path, subject) => new URL(path, subjectUrl(subject)).href;

/** The message of an error, without folders of this machine. @param {unknown} error */
export const messageWithoutPaths = (error) =>
  (error instanceof Error ? error.message : String(error)).replaceAll(
    /(file:\/\/)?\/(?!\/)[^\s'"]*\/(?=[^\s'"/]+)/g,
    '…/',
  );

/** Version of an installed dependency. @param {string} name */
export const versionOf = (name) => requireFromPackage(`${name}/package.json`).version;
