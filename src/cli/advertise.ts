/**
 * `clerk advertise`: a service that cannot advertise itself, for as long as this runs. When it is interrupted it withdraws
 * the service first and waits until nobody may still believe in it.
 */
import type { Command } from 'commander';
import { ClerkError } from '../core/errors.js';
import type { Advertisement, AdvertiseOptions } from '../service/index.js';
import { paths } from '../wire/paths.js';
import { addCommand, contextOf, decimal, milliseconds, pairs, type Context } from './command.js';
import type { Io } from './io.js';
import { nameOf } from './names.js';
import { paint } from './output.js';
import { warningsOf } from './warnings.js';

interface Options {
  readonly version?: string;
  readonly id?: string;
  readonly lease?: number;
  readonly weight?: number;
  readonly host?: string;
  readonly zone?: string;
  readonly attribute?: Readonly<Record<string, string>>;
}

/** Adds the command. */
export function addAdvertise(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'advertise <name> <address...>',
    summary: 'register a service, for as long as this runs',
    description:
      'Register an endpoint of a service and renew its lease, for a program that does not do so itself. Runs until it is interrupted, then withdraws it and waits until nobody calls it any more; interrupted once more, it ends at once. Several addresses are one endpoint, best first.',
    options: (own) =>
      own
        .option('--version <version>', 'its version, as semver writes it')
        .option('--weight <number>', 'its share of the calls; 0: only if there is nobody else', decimal)
        .option('--zone <zone>', 'zone it runs in')
        .option('--host <host>', "host it runs on (default: this machine's name)")
        .option('--attribute <key=value>', 'a label; may be given again', pairs)
        .option(
          '--lease <ms>',
          'for how long it counts as there without renewing (default: 10000)',
          milliseconds,
        )
        .option('--id <id>', 'instance id, never that of another (default: a random one)'),
    examples: [
      ['clerk advertise /shop/orders http://127.0.0.1:3001', 'an HTTP server on this machine'],
      [
        'clerk advertise /shop/orders http://10.0.0.7:3001 --version 2.1.0 --zone a',
        'with what callers choose by',
      ],
      ['clerk advertise /shop/cache unix:/run/cache.sock tcp://10.0.0.7:6379', 'one server, two ways to it'],
    ],
  });
  command.action((name: string, addresses: string[], options: Options) =>
    advertise(contextOf(io, command), name, addresses, options),
  );
}

async function advertise(
  context: Context,
  text: string,
  address: readonly string[],
  { lease, attribute, ...rest }: Options,
): Promise<void> {
  const { io, client, registries, say } = context;
  const name = nameOf(text);
  // The library would wait for a registry that is not there; whoever types wants to know.
  await client.get(paths.status);
  const { advertise: begin } = await import('../service/index.js');
  const signal = io.interrupted();
  const { version, weight, zone, host, id } = rest;
  const wanted: AdvertiseOptions = {
    name,
    address,
    registry: registries,
    drainOnSignal: false,
    logger: warningsOf(say),
    signal,
    ...(version !== undefined && { version }),
    ...(weight !== undefined && { weight }),
    ...(zone !== undefined && { zone }),
    ...(host !== undefined && { host }),
    ...(id !== undefined && { id }),
    ...(lease !== undefined && { leaseMs: lease }),
    ...(attribute !== undefined && { attributes: attribute }),
  };
  let advertisement: Advertisement;
  try {
    advertisement = await begin(wanted);
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  await tell(context, 'registered', advertisement);
  advertisement.on('registered', () => void tell(context, 'registered', advertisement));
  advertisement.on('lost', () => void tell(context, 'lost', advertisement));
  await over(context, advertisement, signal);
  if (say.isTerminal)
    await say.line(paint('faint', `Withdrawing ${name}; press Ctrl-C once more to end at once`));
  await advertisement.drain();
  await tell(context, 'drained', advertisement);
}

const foreverMs = 2 ** 31 - 1;

/** Resolves when it is interrupted, rejects when somebody newer took its place. Keeps the process alive till then. */
function over({ clock }: Context, advertisement: Advertisement, signal: AbortSignal): Promise<void> {
  const alive = clock.setTimer(() => undefined, foreverMs);
  return new Promise<void>((resolve, reject) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
    advertisement.on('fenced', ({ name, id, reason }) =>
      reject(new ClerkError('FORBIDDEN', `${name} (${id}) is not registered any more: ${reason}`)),
    );
  }).finally(() => alive.cancel());
}

const words = { registered: 'Registered', lost: 'Lost', drained: 'Withdrawn' } as const;

async function tell(
  { out, json }: Context,
  event: keyof typeof words,
  { name, id, epoch, addresses }: Advertisement,
): Promise<void> {
  if (json) return out.json({ event, name, id, epoch, addresses });
  const style = event === 'lost' ? 'bad' : 'good';
  return out.line(
    paint(style, words[event]),
    ` ${name} at ${addresses.join(', ')}`,
    paint('faint', `  instance ${id}, epoch ${epoch}`),
  );
}
