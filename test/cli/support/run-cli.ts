import { PassThrough, Readable } from 'node:stream';
import { run } from '../../../src/cli/program.js';
import { packageVersion } from '../../../src/runtime/package-version.js';
import { systemClock } from '../../../src/runtime/system-clock.js';

/** Exit code and output of a command line. */
export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Environment of a command line. */
export interface CliEnvironment {
  /** Value of `$CLERK_REGISTRY`. */
  readonly registry?: string;
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  /** Whether the outputs, and the input unless `stdin` is given, are terminals. */
  readonly terminal?: boolean;
  readonly interruptSignal?: AbortSignal;
  /** Called with all standard output so far, whenever there is more. */
  readonly onOut?: (soFar: string) => void;
}

/** Runs `clerk` with these arguments in this process. */
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
    onNpxEnd: () => undefined,
  });
  await new Promise(setImmediate);
  return { code, ...output };
}
