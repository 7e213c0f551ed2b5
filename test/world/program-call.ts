import { AsyncLocalStorage } from 'node:async_hooks';
import type { Dispatcher } from 'undici';
import type { Binding, CallFunctionContext, Clerk, Endpoint } from 'binding-clerk';
import { exchangeMessage } from './custom-protocol.js';
import { methodOfKind, secretBody, secretHeaders } from './dominance/call-secrets.js';
import { formHeaders } from './dominance/header-form.js';
import type { AttemptRecord, CallRecord } from './oracle.js';
import type { SimulationContext } from './simulation-context.js';

/** The client that makes a call. */
export interface ProgramCallOptions {
  readonly simulation: SimulationContext;
  readonly clerk: Clerk;
  readonly binding: Binding;
  readonly record: CallRecord;
  readonly signal: AbortSignal | undefined;
  /** Headers that the program uses for all its calls. */
  readonly sharedHeaders: Record<string, string>;
  attemptStarted(endpoint: string): AttemptRecord;
  requestSent(attempt: AttemptRecord): void;
  /** The handler of the program runs. */
  onHandler(): void;
}

/** The async context of each call: its id. */
const callContext = new AsyncLocalStorage<string>();

/** Makes a call in an async context of its own. Resolves to the status: at the head of a response for `request`, `fetch` and `dispatch`, at its end otherwise. */
export function makeProgramCall(options: ProgramCallOptions): Promise<number> {
  return callContext.run(options.record.id, () => makeCall(options));
}

async function makeCall(options: ProgramCallOptions): Promise<number> {
  const { simulation, binding, record, signal, sharedHeaders } = options;
  const { id, kind, manner, method: how, timeoutMs } = record;
  if (how === 'call') return callInCustomProtocol(options);
  // `fetch` takes no flat list.
  const form = how === 'fetch' && manner.headerForm === 'flat' ? 'record' : manner.headerForm;
  const { headers, reuse } = formHeaders(form, secretHeaders(record), sharedHeaders);
  const request = {
    timeoutMs,
    ...(signal && { signal }),
    path: `/${manner.route.segment}/${id}`,
    method: methodOfKind[kind],
    headers,
    ...(kind === 'idempotent' && { kind }),
    ...(kind !== 'safe' && {
      body: manner.sendsStream && how !== 'fetch' ? once(secretBody(id)) : secretBody(id),
    }),
  };
  try {
    switch (how) {
      case 'json': {
        const reading = binding.json(request);
        reuse();
        checkBody(simulation, record, await reading);
        return 200;
      }
      case 'fetch':
        return await callByFetch(options, request, reuse);
      case 'dispatch':
        return await callByDispatcher(options, request, reuse);
      case 'request': {
        const requesting = binding.request(request);
        reuse();
        const response = await requesting;
        if (!record.attempts.some(({ endpoint }) => endpoint === response.endpoint.id))
          simulation.oracle.violate(
            'C2.1',
            `${id} reports a response of ${response.endpoint.id}, which received no attempt`,
          );
        if (simulation.habits.follows('caller-holds-body')) {
          simulation.coverage.hit('habit:caller-holds-body');
          const afterMs = simulation.habits.random.between(0, 2_000);
          simulation.runtime.setTimer(() => response.body.destroy(), afterMs);
          response.body.on('error', () => undefined);
        } else readText(options, response.body.text());
        return response.statusCode;
      }
    }
  } finally {
    reuse();
  }
}

async function callByFetch(
  { clerk, record, ...options }: ProgramCallOptions,
  {
    path,
    timeoutMs: _timeoutMs,
    ...request
  }: Pick<Dispatcher.RequestOptions, 'method' | 'path'> & { timeoutMs: number; headers: unknown },
  reuse: () => void,
): Promise<number> {
  const { timeoutMs, waitsForReady: waitForReady } = record;
  const init = { ...request, timeoutMs, waitForReady } as Parameters<Clerk['fetch']>[1];
  const fetching = clerk.fetch(`${originOf(record.service)}${path}`, init);
  reuse();
  let response: Response;
  try {
    response = await fetching;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError')
      throw Object.assign(new Error('fetch was aborted'), { code: 'ABORTED' });
    // The error of the clerk is the cause of the `TypeError` of fetch.
    throw error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
  }
  readText({ record, ...options }, response.text());
  return response.status;
}

function callByDispatcher(
  { clerk, record, onHandler, ...options }: ProgramCallOptions,
  request: { readonly path: string; readonly method: string; signal?: AbortSignal },
  reuse: () => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    const { signal, ...others } = request;
    const handler = {
      onConnect(abort: (reason?: Error) => void) {
        signal?.addEventListener('abort', () => abort(signal.reason as Error));
        if (signal?.aborted === true) abort(signal.reason as Error);
        onHandler();
      },
      onHeaders(statusCode: number) {
        onHandler();
        resolve(statusCode);
        return true;
      },
      onData(chunk: Buffer) {
        text += chunk.toString();
        return true;
      },
      onComplete: () => readText({ record, ...options }, Promise.resolve(text)),
      onError(error: unknown) {
        // As with undici, the reason of the signal, which does not say whether the call ran.
        const isAbort = signal?.aborted === true && error === signal.reason;
        reject(isAbort ? Object.assign(new Error('The dispatch was aborted'), { code: 'ABORTED' }) : error);
      },
      onUpgrade: () => undefined,
    };
    clerk.dispatcher.dispatch({ ...others, origin: originOf(record.service) }, handler);
    reuse();
  });
}

async function callInCustomProtocol(options: ProgramCallOptions): Promise<number> {
  const { simulation, binding, record, signal } = options;
  const { id, kind, timeoutMs } = record;
  const activeContexts: CallFunctionContext[] = [];
  try {
    const exchange = (endpoint: Endpoint, callFunctionContext: CallFunctionContext): Promise<number> => {
      activeContexts.push(callFunctionContext);
      const isFirst = record.attempts.length === 0;
      options.requestSent(options.attemptStarted(endpoint.id));
      const context = callContext.getStore();
      if (context !== id)
        simulation.oracle.violate('C9.3', `${id} runs in the async context of ${String(context)}`);
      options.onHandler();
      const plain = isFirst ? simulation.dominance.plainOf(record) : undefined;
      const exchanging = exchangeMessage(simulation, record, endpoint, callFunctionContext.signal, plain);
      return exchanging.finally(() => activeContexts.splice(activeContexts.indexOf(callFunctionContext), 1));
    };
    return await binding.call(exchange, { timeoutMs, ...(signal && { signal }), kind });
  } finally {
    if (activeContexts.some((context) => !context.signal.aborted))
      simulation.oracle.violate('port', `${id} has ended without aborting the signal of an exchange`);
  }
}

/** The origin of a service for `fetch` and dispatchers: its name in reverse order. */
function originOf(service: string): string {
  return `http://${service.slice(1).split('/').reverse().join('.')}.clerk`;
}

function readText(
  { simulation, record }: Pick<ProgramCallOptions, 'simulation' | 'record'>,
  reading: Promise<string>,
): void {
  void reading.then(
    (text) => checkBody(simulation, record, text === '' ? undefined : JSON.parse(text)),
    // The connection was reset after the head, so the body rejects.
    () => simulation.log(`${record.id} did not receive the complete body`),
  );
}

function checkBody({ oracle }: SimulationContext, record: CallRecord, body: unknown): void {
  const { call } = (body ?? {}) as { call?: string };
  if (call !== record.id) oracle.violate('C2.1', `${record.id} received the response of ${String(call)}`);
}

/** A body that can be sent only once. */
async function* once(text: string): AsyncGenerator<string> {
  yield text;
}
