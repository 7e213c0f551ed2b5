import { InvalidArgumentError } from 'commander';
import { isLocal, parseAddress } from '../../core/address.js';
import { definedFields } from '../../core/defined-fields.js';
import { ClerkError, errorMessage, isClerkError } from '../../core/errors.js';
import type { Outcome } from '../../core/outcome.js';
import type { ClerkResponse, RequestOptions } from '../../index.js';
import { responseHeaders } from '../../protocol/call-headers.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { readInput } from '../read-input.js';
import type { Io } from '../io.js';
import { parseNameArgument } from '../parse-name.js';
import { styled } from '../output.js';
import { stderrLogger } from '../stderr-logger.js';
import { formatCount, formatDuration } from '../format.js';

interface Options {
  readonly method?: string;
  readonly data?: string;
  readonly header?: readonly (readonly [string, string])[];
}

export const addCallCommand = defineCommand({
  usage: 'call <name-or-path> [path]',
  summary: 'send an HTTP request to a service',
  description:
    'Send an HTTP request to one endpoint of a service. With one argument, the longest prefix that is the name of a service is called, and the rest is the path of the request. If that endpoint fails, a GET request is retried on another endpoint. A request with another method is retried only if the failed endpoint did not process the request. Prints the response body; exits with 1 for a status of 400 or above. If the call fails, the error states whether the request ran; with --json, in the fields `execution` and `outcomes`. Without --timeout, the call timeout of the service applies, if it has one. A JSON body gets the content type application/json if no header sets the content type.',
  options: (own) =>
    own
      .option('-X, --method <method>', 'HTTP method (default: GET, or POST with a body)')
      .option('-d, --data <body>', 'request body; @file for the content of a file, @- for standard input')
      .option('-H, --header <name: value>', 'a request header; repeatable', headerOption),
  examples: [
    ['clerk call /shop/orders /orders/7', 'GET'],
    ["clerk call '/shop/orders/orders/7?full=1'", 'the same service, with a query'],
    [`clerk call /shop/orders /orders -d '{"item":3}'`, 'POST with a JSON body'],
    ['clerk call /shop/orders /orders/7 -X DELETE', 'another method'],
    ['clerk call /shop/orders /orders -d @order.json -H "x-trace: 1"', 'a file as the body, and a header'],
  ],
  run: call,
});

async function call(
  context: CommandContext,
  text: string,
  path: string | undefined,
  options: Options = {},
): Promise<void> {
  const { io, clock, options: common, registryOptions, registry, stderr } = context;
  const name = path === undefined ? parsePathArgument(text) : parseNameArgument(text);
  if (path?.startsWith('/') === false)
    throw new ClerkError('CONFIG_INVALID', `Path must begin with '/'; got '${path}', use '/${path}'`);
  const request = await buildRequest(io, options);
  const { createClerk } = await import('../../index.js');
  const clerk = createClerk({ ...registryOptions, logger: stderrLogger(stderr) });
  const outcomes: Outcome[] = [];
  let service = name;
  clerk.on('attempt', ({ name: called, outcome }) => {
    service = called;
    outcomes.push(outcome);
  });
  try {
    const startedAt = clock.now();
    // The default of --timeout must not replace the call timeout of the service.
    const limits = definedFields({ timeoutMs: common.timeout });
    const response =
      path === undefined
        ? await clerk.request(name, { ...request, ...limits })
        : await clerk.bind(name, limits).request({ ...request, path });
    await printResponse(context, service, { response, outcomes, durationMs: clock.now() - startedAt });
  } catch (error) {
    if (!isClerkError(error) || error.code !== 'NAME_NOT_FOUND') throw error;
    throw new ClerkError(error.code, error.message + (await similarName(registry, name)), { cause: error });
  } finally {
    await clerk.destroy();
  }
}

/** Returns the part of the registry's error that suggests a similar name; empty without one. */
async function similarName(registry: CommandContext['registry'], name: string): Promise<string> {
  const message = await registry.resolve(name).then(() => '', errorMessage);
  return /; did you mean [^?]*\?/.exec(message)?.[0] ?? '';
}

interface CallResult {
  readonly response: ClerkResponse;
  readonly outcomes: readonly Outcome[];
  readonly durationMs: number;
}

async function printResponse(
  { stdout, stderr, json }: CommandContext,
  name: string,
  { response, outcomes, durationMs }: CallResult,
): Promise<void> {
  const { statusCode, headers, body, endpoint, attempts } = response;
  if (json) {
    const bytes = Buffer.from(await body.arrayBuffer());
    const { id, address } = endpoint;
    await stdout.json({
      name,
      status: statusCode,
      headers,
      endpoint: { id, address },
      attempts,
      ...encodeBody(bytes),
    });
  } else {
    if (stderr.isTerminal)
      await stderr.line(
        styled(statusCode < 400 ? 'good' : 'bad', String(statusCode)),
        styled(
          'faint',
          ` from ${endpoint.id} at ${endpoint.address}, ${formatCount(attempts, 'attempt')}, ${formatDuration(durationMs)}`,
        ),
      );
    await stdout.untrustedBytes(body);
  }
  if (statusCode >= 400)
    throw new ClerkError('BAD_STATUS', `${name} responded with status ${String(statusCode)}`, {
      execution: isNotExecuted(response, outcomes) ? 'none' : 'done',
      outcomes,
      statusCode,
    });
}

/**
 * Whether the request certainly did not run. A header `clerk-not-executed` that another host sent over an unencrypted
 * connection is not trusted.
 */
function isNotExecuted(
  { statusCode, headers, endpoint }: ClerkResponse,
  outcomes: readonly Outcome[],
): boolean {
  const address = parseAddress(endpoint.address);
  // A clerk retries a call whose ticket was refused. The refused attempts have the status of the response.
  const isRefusal = ({ stage, code }: Outcome): boolean => stage === 'waiting' || code === String(statusCode);
  return (
    headers[responseHeaders.notExecuted] === '1' &&
    (address.protocol === 'https' || isLocal(address)) &&
    outcomes.every(isRefusal)
  );
}

/** Valid UTF-8 becomes the text `body`. Other bytes become `bodyBase64`. */
function encodeBody(bytes: Buffer): { readonly body: string } | { readonly bodyBase64: string } {
  try {
    return { body: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { bodyBase64: bytes.toString('base64') };
  }
}

async function buildRequest(io: Io, options: Options): Promise<Omit<RequestOptions, 'path'>> {
  const { method, data, header = [] } = options;
  const body =
    data?.startsWith('@') === true
      ? Buffer.from(await readInput(io, data.slice(1)))
      : data === undefined
        ? undefined
        : Buffer.from(data);
  const hasType = header.some(([key]) => key.toLowerCase() === 'content-type');
  const headers = header.flat();
  if (body !== undefined && !hasType && isJson(body)) headers.push('content-type', 'application/json');
  return definedFields({
    method: (method ?? (body === undefined ? 'GET' : 'POST')).toUpperCase(),
    headers,
    body,
  });
}

/** Does not validate the name, because the text may contain a path and a query. */
function parsePathArgument(text: string): string {
  if (text.startsWith('/')) return text;
  throw new ClerkError('NAME_INVALID', `Path must begin with '/'; got '${text}', use '/${text}'`);
}

function isJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

function headerOption(
  text: string,
  previous: readonly (readonly [string, string])[] = [],
): [string, string][] {
  const at = text.indexOf(':');
  if (at < 1) throw new InvalidArgumentError('The value must have the form "name: value".');
  return [
    ...previous.map(([key, value]): [string, string] => [key, value]),
    [text.slice(0, at), text.slice(at + 1).trim()],
  ];
}
