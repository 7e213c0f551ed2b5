import { InvalidArgumentError } from 'commander';
import { definedFields } from '../../core/defined-fields.js';
import { ClerkError } from '../../core/errors.js';
import { policyNames } from '../../core/policy.js';
import type { AttemptTimeoutOptions, RetryOptions } from '../../core/retry-options.js';
import type { DefineOptions } from '../../admin/index.js';
import { printChange } from '../print-change.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { keyValueOption, integerOption } from '../option-parsers.js';
import { attemptTimeoutOption, retriesOption } from '../retry-option-parsers.js';
import { parseNameArgument } from '../parse-name.js';
import { warnIfNoManifest } from '../warn-if-no-manifest.js';

interface Options {
  readonly policy?: string | false;
  readonly callTimeout?: number | false;
  readonly attemptTimeout?: number | AttemptTimeoutOptions | false;
  readonly retries?: RetryOptions | false | 'default';
  readonly guarantee?: number;
  readonly launch?: string | false;
  readonly param?: Readonly<Record<string, string>>;
  readonly whenExpired?: true;
}

export const addDefineCommand = defineCommand({
  usage: 'define <name>',
  summary: 'define a service, or change its settings',
  description:
    'Define a service, or change its settings. Settings that are not given keep their values. Until the guaranteed time of the current settings has passed, a change is rejected. With --when-expired, the change is scheduled instead.',
  options: (own) =>
    own
      .option(
        '--policy <policy>',
        `load-balancing policy of the clients: ${policyNames.join(', ')}`,
        policyOption,
      )
      .option('--no-policy', 'let each client choose its policy')
      .option('--call-timeout <ms>', 'default timeout of a call, in ms', integerOption)
      .option('--no-call-timeout', "use each client's default timeout")
      .option(
        '--attempt-timeout <ms>',
        'time without a response, in ms, after which a call may try another endpoint; with bounds such as 50..500, each client learns the time within the bounds',
        attemptTimeoutOption,
      )
      .option('--no-attempt-timeout', "use each client's attempt timeout")
      .option(
        '--retries <settings>',
        "settings of retries, separated by commas: max=N (maximum per call), statuses=502/503 (statuses to retry), ratio=N (retries per call on average), per-second=N (additional retries per second); 'off' for no retries; 'default' for each client's own settings",
        retriesOption,
      )
      .option(
        '--guarantee <ms>',
        'how long clients may rely on these settings, in ms; 0: no guarantee',
        integerOption,
      )
      .option('--launch <manifest>', "start the service on demand with this manifest on the registry's host")
      .option('--no-launch', 'do not start the service on demand')
      .option('--param <key=value>', 'a parameter of the manifest; repeatable', keyValueOption)
      .option('--when-expired', 'schedule the change for the end of the guaranteed time'),
  examples: [
    ['clerk define /shop/orders --policy load-aware', 'balance by load'],
    ['clerk define /shop/orders --call-timeout 2000', 'a timeout of 2 s'],
    ['clerk define /shop/orders --retries max=1,statuses=503', 'retry once, after a 503 only'],
    ['clerk define /shop/orders --guarantee 60000', 'settings are valid for 1 min'],
    ['clerk define /shop/orders --launch orders', 'start the service on demand'],
    ['clerk define /shop/orders --no-launch', 'no longer start the service'],
  ],
  run: define,
});

async function define(context: CommandContext, text: string, options: Options): Promise<void> {
  const { policy, callTimeout, attemptTimeout, retries, guarantee, launch, param, whenExpired } = options;
  const name = parseNameArgument(text);
  if (param !== undefined && typeof launch !== 'string')
    throw new ClerkError('CONFIG_INVALID', 'Option --param requires --launch with the name of a manifest');
  const settings: DefineOptions = definedFields({
    policy: nullIfFalse(policy),
    timeoutMs: nullIfFalse(callTimeout),
    attemptTimeoutMs: nullIfFalse(attemptTimeout),
    retries: retries === 'default' ? null : retries,
    guaranteedMs: guarantee,
    launch:
      typeof launch === 'string' ? definedFields({ manifest: launch, params: param }) : nullIfFalse(launch),
    whenExpired,
  });
  const scheduled = `${name} is frozen and will change`;
  const change = context.registry.define(name, settings);
  await printChange(context, change, { name }, `Defined ${name}`, scheduled);
  if (typeof launch === 'string' && !context.json) await warnIfNoManifest(context, name, launch);
}

function policyOption(text: string): string {
  if ((policyNames as readonly string[]).includes(text)) return text;
  throw new InvalidArgumentError(
    `The policy must be one of ${policyNames.join(', ')}; --no-policy lets each client choose its policy.`,
  );
}

/** Converts false, the value of a `--no-…` option, to null. In the protocol, null removes a setting. */
function nullIfFalse<T>(value: T | false): T | null {
  return value === false ? null : value;
}
