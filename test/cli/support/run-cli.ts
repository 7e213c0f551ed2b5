/** Runs a command line in this process and says what came out. */
import { PassThrough, Readable } from 'node:stream';
import { run } from '../../../src/cli/program.js';
import { packageVersion } from '../../../src/runtime/package-version.js';
import { systemClock } from '../../../src/runtime/system-clock.js';

/** What a command line left behind. */
export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What is around a command line. */
export interface CliEnvironment {
  /** Given as `$CLERK_REGISTRY`. */
  readonly registry?: string;
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  /** Whether both outputs, and an input that was not given, are terminals. */
  readonly terminal?: boolean;
  readonly interruptSignal?: AbortSignal;
  /** Called with everything that comes out, as it comes. */
  readonly onOut?: (soFar: string) => void;
}

/** Runs `clerk` with these arguments. */
export async function runCli(argv: readonly string[], environment: CliEnvironment = {}): Promise<CliResult> {
  const { registry, env = {}, stdin, terminal = false, interruptSignal, onOut } = environment;
  const output = { out: '', err: '' };
  const outputStream = (key: 'out' | 'err') => {
    const stream = new PassThrough();
    stream.on('data', (chunk: Buffer) => {
      output[key] += chunk.toString();
      if (key === 'out') onOut?.(output.out);
    });
    return Object.assign(stream, { isTTY: terminal, columns: 100 });
  };
  const code = await run(argv, {
    stdin: Object.assign(Readable.from(stdin === undefined ? [] : [Buffer.from(stdin)]), {
      isTTY: terminal && stdin === undefined,
    }),
    stdout: outputStream('out'),
    stderr: outputStream('err'),
    env: { ...(registry !== undefined && { CLERK_REGISTRY: registry }), ...env },
    clock: systemClock,
    version: packageVersion(),
    interruptSignal: () => interruptSignal ?? new AbortController().signal,
  });
  await new Promise(setImmediate);
  return { code, ...output };
}
