/** A call to an object that several clients share. */
export interface Operation<Input, Output> {
  readonly input: Input;
  /** Undefined when the outcome is unknown: the operation may have its effect at any time after its call, or never. */
  readonly output: Output | undefined;
  readonly calledAt: number;
  /** Ignored when the outcome is unknown. */
  readonly returnedAt: number;
}

/** What one key of the object does when its operations follow each other. */
export interface SequentialModel<State, Input, Output> {
  readonly initial: State;
  /**
   * The states after an operation, of which several are possible when the outcome is unknown. None when the operation
   * cannot have had this output in this state.
   */
  readonly apply: (state: State, input: Input, output: Output | undefined) => readonly State[];
  readonly keyOf: (state: State) => string;
}

/**
 * Finds an order of the operations that explains every output, in which an operation that has returned precedes every
 * operation called later. Returns the indexes of the operations in this order; undefined when there is none, so the
 * history is not linearizable.
 *
 * The search is that of Wing and Gong: it tries each operation that no other must precede. As Lowe proposes, it tries no
 * combination of a state and a set of past operations twice.
 *
 * @see [Testing for linearizability](https://doi.org/10.1002/cpe.3928)
 */
export function findLinearization<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): readonly number[] | undefined {
  // Operations that return early come first, so that an order is found soon.
  const indexes = [...operations.keys()].sort((a, b) => {
    const [first, second] = [endOf(operations[a]), endOf(operations[b])];
    return first === second ? a - b : first - second;
  });
  const sorted = indexes.map((index) => operations[index] as Operation<Input, Output>);
  const found = searchOrder(model, sorted);
  return found?.map((at) => indexes[at] as number);
}

function endOf(operation: Operation<unknown, unknown> | undefined): number {
  return operation?.output === undefined ? Infinity : operation.returnedAt;
}

function searchOrder<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): readonly number[] | undefined {
  const returnedAt = operations.map(({ output, returnedAt: at }) => (output === undefined ? Infinity : at));
  const required = operations.filter(({ output }) => output !== undefined).length;
  const isDone = operations.map(() => false);
  const order: number[] = [];
  const visited = new Set<string>();
  let done = 0;

  const search = (state: State): boolean => {
    if (done === required) return true;
    const key = `${model.keyOf(state)}|${isDone.map(Number).join('')}`;
    if (visited.has(key)) return false;
    visited.add(key);
    let firstReturn = Infinity;
    for (const [index, at] of returnedAt.entries())
      if (isDone[index] === false) firstReturn = Math.min(firstReturn, at);
    for (const [index, { input, output, calledAt }] of operations.entries()) {
      // An operation that was called after another one had returned must follow it.
      if (isDone[index] === true || calledAt > firstReturn) continue;
      for (const next of model.apply(state, input, output)) {
        isDone[index] = true;
        order.push(index);
        done += Number(output !== undefined);
        if (search(next)) return true;
        done -= Number(output !== undefined);
        order.pop();
        isDone[index] = false;
      }
    }
    return false;
  };
  return search(model.initial) ? order : undefined;
}

/** Checks each key by itself, which suffices because no operation concerns two keys. Returns the keys that fail. */
export function unlinearizableKeys<State, Input extends { readonly key: string }, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): readonly string[] {
  const byKey = new Map<string, Operation<Input, Output>[]>();
  for (const operation of operations) {
    const list = byKey.get(operation.input.key) ?? [];
    byKey.set(operation.input.key, [...list, operation]);
  }
  return [...byKey].filter(([, list]) => findLinearization(model, list) === undefined).map(([key]) => key);
}
