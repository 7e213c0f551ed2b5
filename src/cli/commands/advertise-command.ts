import { maxTimerMs } from '../../core/clock.js';
import { definedFields } from '../../core/defined-fields.js';
import { ClerkError } from '../../core/errors.js';
import type { Advertisement, AdvertiseOptions } from '../../service/index.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { decimalOption, keyValueOption, millisecondsOption } from '../option-parsers.js';
import { parseNameArgument } from '../parse-name.js';
import { styled } from '../output.js';
import { stderrLogger } from '../stderr-logger.js';

interface Options {
  readonly version?: string;
  readonly id?: string;
  readonly lease?: number;
  readonly weight?: number;
  readonly host?: string;
  readonly zone?: string;
  readonly attribute?: Readonly<Record<string, string>>;
}

export const addAdvertiseCommand = defineCommand({
  usage: 'advertise <name> <address...>',
  summary: 'register an endpoint while this command runs',
  description:
    'Register an endpoint of a service for a program that does not register itself. The command renews the lease of the endpoint. After an interrupt, the command withdraws the endpoint and waits until clients have stopped using the endpoint. A second interrupt ends the command at once. All given addresses belong to one endpoint; give the best address first.',
  options: (own) =>
    own
      .option('--version <version>', 'version of the endpoint, such as 2.1.0')
      .option(
        '--weight <number>',
        'share of the calls; with 0, the endpoint gets calls only when no other endpoint is available',
        decimalOption,
      )
      .option('--zone <zone>', 'zone of the endpoint')
      .option('--host <host>', "host of the endpoint (default: this machine's name)")
      .option('--attribute <key=value>', 'attribute of the endpoint; repeatable', keyValueOption)
      .option(
        '--lease <ms>',
        'how long the endpoint stays registered without a renewal, in ms (default: 10000)',
        millisecondsOption,
      )
      .option('--id <id>', 'instance id; must never be used for another instance (default: a random id)'),
  examples: [
    ['clerk advertise /shop/orders http://127.0.0.1:3001', 'an HTTP server on this machine'],
    [
      'clerk advertise /shop/orders http://10.0.0.7:3001 --version 2.1.0 --zone a',
      'with a version and a zone',
    ],
    [
      'clerk advertise /shop/cache unix:/run/cache.sock tcp://10.0.0.7:6379',
      'one endpoint with two addresses',
    ],
  ],
  run: advertise,
});

async function advertise(
  context: CommandContext,
  text: string,
  address: readonly string[],
  options: Options,
): Promise<void> {
  const { io, registry, registryOptions, stderr } = context;
  const name = parseNameArgument(text);
  // Without this request, the command would wait for an unreachable registry instead of failing.
  await registry.status();
  const { advertise: startAdvertising } = await import('../../service/index.js');
  const signal = io.interruptSignal();
  const { version, weight, zone, host, id, lease, attribute } = options;
  const advertiseOptions: AdvertiseOptions = definedFields({
    name,
    address,
    ...registryOptions,
    drainOnSignal: false,
    logger: stderrLogger(stderr),
    signal,
    ...{ version, weight, zone, host, id },
    leaseMs: lease,
    attributes: attribute,
  });
  let advertisement: Advertisement;
  try {
    advertisement = await startAdvertising(advertiseOptions);
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  await printEvent(context, 'registered', advertisement);
  advertisement.on('registered', () => void printEvent(context, 'registered', advertisement));
  advertisement.on('lost', () => void printEvent(context, 'lost', advertisement));
  await untilInterrupted(context, advertisement, signal);
  if (stderr.isTerminal)
    await stderr.line(styled('faint', `Withdrawing ${name}; press Ctrl-C again to end at once`));
  await advertisement.drain();
  await printEvent(context, 'drained', advertisement);
}

/** Keeps the process alive until an interrupt. Rejects when a newer registration has replaced this one. */
function untilInterrupted(
  { clock }: CommandContext,
  advertisement: Advertisement,
  signal: AbortSignal,
): Promise<void> {
  const keepAlive = clock.setTimer(() => undefined, maxTimerMs);
  return new Promise<void>((resolve, reject) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
    advertisement.on('fenced', ({ name, id, reason }) =>
      reject(new ClerkError('FORBIDDEN', `Endpoint ${id} of ${name} is no longer registered: ${reason}`)),
    );
  }).finally(() => keepAlive.cancel());
}

const eventLabels = { registered: 'Registered', lost: 'Lost', drained: 'Withdrawn' } as const;

async function printEvent(
  { stdout, json }: CommandContext,
  event: keyof typeof eventLabels,
  { name, id, epoch, addresses }: Advertisement,
): Promise<void> {
  if (json) return stdout.json({ event, name, id, epoch, addresses });
  const style = event === 'lost' ? 'bad' : 'good';
  return stdout.line(
    styled(style, eventLabels[event]),
    ` ${name} at ${addresses.join(', ')}`,
    styled('faint', `  instance ${id}, epoch ${epoch}`),
  );
}
