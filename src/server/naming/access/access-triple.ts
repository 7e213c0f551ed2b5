import { parseRights } from '../../../core/access-right.js';
import { describeValue, quote } from '../../../core/describe-value.js';
import { ClerkError } from '../../../core/errors.js';
import { parseGlob, type Glob } from '../../../core/glob.js';
import { parseName } from '../../../core/name.js';
import type { AccessEntry } from '../../../protocol/identity-messages.js';
import type { AccessTriple } from '../../ports.js';
import { resolvePrincipalPattern } from './principal-pattern.js';

export interface CompiledTriple {
  readonly directory: string;
  readonly triple: AccessTriple;
  readonly principal: Glob;
  readonly path: Glob;
}

export function compileTriple(directory: string, { principal, path, rights }: AccessTriple): CompiledTriple {
  return Object.freeze({
    directory,
    triple: Object.freeze({ principal, path, rights: parseRights(rights) }),
    principal: resolvePrincipalPattern(principal, directory),
    path: parseGlob(`${directory === '/' ? '' : directory}/${path}`),
  });
}

/** Returns a triple as clients see it, with an absolute path. */
export function accessEntryOf(directory: string, { principal, path, rights }: AccessTriple): AccessEntry {
  return { directory, principal, path: `${directory === '/' ? '' : directory}/${path}`, rights };
}

export interface AccessRequest {
  readonly principal: unknown;
  readonly path: unknown;
  readonly rights: unknown;
  /** Directory of the triple. Default: {@link directoryOfPattern} of the path. */
  readonly directory?: string | undefined;
}

/**
 * @throws {@link ClerkError} `NAME_INVALID` or `CONFIG_INVALID` when a part is invalid, or the path is not below the
 * directory
 */
export function toCompiledTriple({ principal, path, rights, directory }: AccessRequest): CompiledTriple {
  if (typeof principal !== 'string')
    throw new ClerkError(
      'NAME_INVALID',
      `Principal must be a name or a glob such as '/shop/web' or '../web/*'; got ${describeValue(principal)}`,
    );
  const glob = parseGlob(path);
  const holder =
    directory === undefined || directory === '/'
      ? (directory ?? directoryOfPattern(glob))
      : parseName(directory, 'Directory');
  const prefix = holder === '/' ? '/' : `${holder}/`;
  if (!glob.text.startsWith(prefix))
    throw new ClerkError(
      'CONFIG_INVALID',
      `Path ${quote(glob.text)} must be below its directory ${holder}; choose another directory`,
    );
  return compileTriple(holder, {
    principal,
    path: glob.text.slice(prefix.length),
    rights: parseRights(rights),
  });
}

/** Returns the directory above the first segment with a wildcard. Returns the parent of a path without wildcards. */
export function directoryOfPattern({ segments }: Glob): string {
  const wild = segments.findIndex((segment) => segment.includes('*'));
  const kept = segments.slice(0, wild < 0 ? segments.length - 1 : wild);
  return `/${kept.join('/')}`;
}
