import { InvalidArgumentError } from 'commander';
import { definedFields } from '../../core/defined-fields.js';
import { isoTime } from '../../core/iso-time.js';
import { parseIsoTime } from '../../core/parse-iso-time.js';
import type { AuditLine } from '../../protocol/audit-messages.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { FollowBackoff } from '../follow-backoff.js';
import { durationOption } from '../option-parsers.js';
import { styled, type TextPart } from '../output.js';

interface AuditOptions {
  readonly follow?: true;
  /** A number: the time before now, in ms. A string: a time as ISO 8601. */
  readonly since?: number | string;
  readonly principal?: string;
  readonly name?: string;
  /** The number (`seq`) of a line of the audit log. */
  readonly after?: string;
}

export const addAuditCommand = defineCommand({
  usage: 'audit',
  summary: 'print who changed what, and which requests were refused',
  description:
    'Print the audit log of the registry, oldest lines first. Needs the right admin on /; with --name, needs it on this name only. With --follow, reconnects after a lost connection, and prints no line twice.',
  timeoutMs: 30_000,
  options: (command) =>
    command
      .option('-f, --follow', 'continue with new lines until an interrupt')
      .option(
        '--since <time>',
        'only lines from this time on: a date such as 2030-01-31T12:00:00Z, or a time before now, such as 10m',
        sinceOption,
      )
      .option('--after <seq>', 'only lines after the line with this number', sequenceOption)
      .option('--principal <name>', 'only requests of this principal')
      .option('--name <name>', 'only requests about this name and the names below it'),
  examples: [
    ['clerk audit --since 1h', 'the last hour'],
    ['clerk audit --follow --principal /shop/web', 'what a principal does now'],
    ['clerk audit -f --json --after 1893456000017 >> copy.ndjson', 'continue a copy of the log'],
    ['clerk audit --json | jq \'select(.kind=="refusal")\'', 'only refused requests'],
  ],
  run: printAudit,
});

async function printAudit(context: CommandContext, options: AuditOptions): Promise<void> {
  const { io, clock, registry, stdout, json } = context;
  const { principal, name, since } = options;
  const from = typeof since === 'number' ? isoTime(clock.wallNow() - since) : since;
  const signal = options.follow === true ? io.interruptSignal() : undefined;
  const query = definedFields({ principal, name, since: from, follow: options.follow, signal });
  const printRows = stdout.table();
  const backoff = new FollowBackoff(context);
  let { after } = options;
  for (;;) {
    try {
      for await (const lines of registry.auditPages({ ...query, ...definedFields({ after }) })) {
        await backoff.onResponse();
        if (json) for (const line of lines) await stdout.json(line);
        else await printRows(lines.map(rowOf));
        const last = lines.at(-1);
        if (last !== undefined) after = String(last.seq);
      }
      return;
    } catch (error) {
      if (signal === undefined) throw error;
      if (signal.aborted) return;
      await backoff.wait(error, signal);
    }
  }
}

function rowOf(line: AuditLine): readonly TextPart[] {
  const { at, kind, operation = '', names = [], nameCount = names.length, result = '' } = line;
  const further = nameCount > names.length ? ` and ${nameCount - names.length} more` : '';
  const isBad = kind !== 'change' && kind !== 'start' && kind !== 'stop';
  return [
    styled('faint', at),
    isBad ? styled(kind === 'gap' ? 'warning' : 'bad', kind) : kind,
    result,
    operation,
    `${names.join(' ')}${further}`,
    line.principal ?? line.key ?? '',
    line.from ?? '',
    noteOf(line),
  ];
}

function noteOf({ kind, right, by, details = {}, count, since, missingFrom }: AuditLine): string {
  if (kind === 'refusals') return `${count ?? 0} requests since ${since ?? ''}`;
  if (kind === 'gap')
    return `lines from ${missingFrom ?? 0} on may be missing${since === undefined ? '' : `, since ${since}`}`;
  const grant = [right, by === undefined ? undefined : `(${by})`].filter((text) => text !== undefined);
  const facts = Object.entries(details).map(([key, value]) => `${key}=${String(value)}`);
  return [...grant, ...facts].join(' ');
}

function sequenceOption(text: string): string {
  if (/^[0-9]{1,16}$/.test(text)) return text;
  throw new InvalidArgumentError('The value must be the field seq of a line, or 0 for the whole log.');
}

function sinceOption(text: string): number | string {
  if (parseIsoTime(text) !== undefined) return text;
  try {
    return durationOption(text);
  } catch {
    throw new InvalidArgumentError(
      'The value must be a time with a unit (ms, s, m, h or d) such as 10m, or a date such as 2030-01-31T12:00:00Z.',
    );
  }
}
