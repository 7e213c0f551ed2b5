/**
 * `clerk call`: a request to whoever runs a service, by the library itself: choice, failover and start on demand as in any
 * program. The body of the answer is the data; who gave it is told to people on standard error.
 */
import { InvalidArgumentError, type Command } from 'commander';
import { ClerkError } from '../../core/errors.js';
import type { ClerkResponse, RequestOptions } from '../../index.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import { readInputArgument } from '../input.js';
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

/** Adds the command. */
export function addCallCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'call <name> [path]',
    summary: 'send a request to whoever runs a service',
    description:
      'Send an HTTP request to one of the endpoints of a service, and to another if that one fails before it has the request, or always for GET. Prints the body of the answer; a status of 400 or above ends with 1. A body that is JSON is sent as such, unless a header says otherwise.',
    options: (own) =>
      own
        .option('-X, --method <method>', 'default: GET, or POST with a body')
        .option('-d, --data <body>', 'body to send; @file for the contents of a file, @- for standard input')
        .option('-H, --header <name: value>', 'a header; may be given again', headerOption),
    examples: [
      ['clerk call /shop/orders /orders/7', 'read'],
      [`clerk call /shop/orders /orders -d '{"item":3}'`, 'send, by POST'],
      ['clerk call /shop/orders /orders/7 -X DELETE', 'with another method'],
      ['clerk call /shop/orders /orders -d @order.json -H "x-trace: 1"', 'a file as body'],
    ],
  });
  command.action((name: string, path: string | undefined, options: Options) =>
    call(createContext(io, command), name, path ?? '/', options),
  );
}

async function call(context: CommandContext, text: string, path: string, options: Options): Promise<void> {
  const { io, clock, timeoutMs, registries, stderr } = context;
  const name = parseNameArgument(text);
  if (!path.startsWith('/'))
    throw new ClerkError('CONFIG_INVALID', `The path '${path}' does not begin with '/'; write '/${path}'`);
  const request = await buildRequest(io, path, options);
  const { createClerk } = await import('../../index.js');
  const clerk = createClerk({ registry: registries, logger: stderrLogger(stderr) });
  try {
    const startedAt = clock.now();
    const response = await clerk.bind(name, { timeoutMs }).request(request);
    await printResponse(context, name, response, clock.now() - startedAt);
  } finally {
    await clerk.destroy();
  }
}

async function printResponse(
  { stdout, stderr, json }: CommandContext,
  name: string,
  response: ClerkResponse,
  durationMs: number,
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
          ` by ${endpoint.id} at ${endpoint.address}, ${formatCount(attempts, 'attempt')}, ${formatDuration(durationMs)}`,
        ),
      );
    await stdout.untrustedBytes(body);
  }
  if (statusCode >= 400)
    throw new ClerkError('BAD_STATUS', `${name} answered with status ${String(statusCode)}`, {
      execution: 'done',
      statusCode,
    });
}

/** JSON has no bytes: what is no text goes in another coding, under another key. */
function encodeBody(bytes: Buffer): { readonly body: string } | { readonly bodyBase64: string } {
  try {
    return { body: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { bodyBase64: bytes.toString('base64') };
  }
}

async function buildRequest(io: Io, path: string, options: Options): Promise<RequestOptions> {
  const { method, data, header = [] } = options;
  const body =
    data?.startsWith('@') === true
      ? Buffer.from(await readInputArgument(io, data.slice(1)))
      : data === undefined
        ? undefined
        : Buffer.from(data);
  const hasType = header.some(([key]) => key.toLowerCase() === 'content-type');
  const headers = header.flat();
  if (body !== undefined && !hasType && isJson(body)) headers.push('content-type', 'application/json');
  return {
    path,
    method: (method ?? (body === undefined ? 'GET' : 'POST')).toUpperCase(),
    headers: headers,
    ...(body !== undefined && { body }),
  };
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
  if (at < 1) throw new InvalidArgumentError('Write it as "name: value".');
  return [
    ...previous.map(([key, value]): [string, string] => [key, value]),
    [text.slice(0, at), text.slice(at + 1).trim()],
  ];
}
