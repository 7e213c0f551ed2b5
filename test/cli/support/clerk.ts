/** Runs a command line in this process and says what came out. */
import { PassThrough, Readable } from 'node:stream';
import { run } from '../../../src/cli/program.js';
import { systemClock } from '../../../src/runtime/system.js';

/** What a command line left behind. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What is around a command line. */
export interface Around {
  /** Given as `$CLERK_REGISTRY`. */
  readonly registry?: string;
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  /** Whether both outputs, and an input that was not given, are terminals. */
  readonly terminal?: boolean;
  readonly interrupted?: AbortSignal;
  /** Called with everything that comes out, as it comes. */
  readonly onOut?: (soFar: string) => void;
}

/** Runs `clerk` with these arguments. */
export async function clerk(argv: readonly string[], around: Around = {}): Promise<Ran> {
  const { registry, env = {}, stdin, terminal = false, interrupted, onOut } = around;
  const said = { out: '', err: '' };
  const outlet = (key: 'out' | 'err') => {
    const stream = new PassThrough();
    stream.on('data', (chunk: Buffer) => {
      said[key] += chunk.toString();
      if (key === 'out') onOut?.(said.out);
    });
    return Object.assign(stream, { isTTY: terminal, columns: 100 });
  };
  const code = await run(argv, {
    stdin: Object.assign(Readable.from(stdin === undefined ? [] : [Buffer.from(stdin)]), {
      isTTY: terminal && stdin === undefined,
    }),
    stdout: outlet('out'),
    stderr: outlet('err'),
    env: { ...(registry !== undefined && { CLERK_REGISTRY: registry }), ...env },
    clock: systemClock,
    interrupted: () => interrupted ?? new AbortController().signal,
  });
  await new Promise(setImmediate);
  return { code, ...said };
}
