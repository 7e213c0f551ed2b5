/**
 * Processes of a run. Every one is known by its handle, and exactly those are ended: when a row is done, when it fails,
 * and when the run is interrupted. A child also ends by itself when its parent is gone.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** @type {Set<import('node:child_process').ChildProcess>} */
const alive = new Set();

/** A child with a question-and-answer channel. */
export class Child {
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  #asked = 0;

  /**
   * @param {string} file - beside this one
   * @param {{ execArgv?: string[] }} [options]
   */
  constructor(file, { execArgv = [] } = {}) {
    this.process = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
      serialization: 'advanced',
      execArgv: ['--no-warnings', ...execArgv],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    alive.add(this.process);
    this.process.on('message', (/** @type {any} */ { id, value, error }) => {
      const waiter = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiter?.resolve(value);
      else waiter?.reject(new Error(error));
    });
    /** Resolves when the process is gone. */
    this.gone = new Promise((resolve) => {
      this.process.once('exit', (code, signal) => {
        alive.delete(this.process);
        const error = new Error(`${file} ended (${signal ?? code})`);
        for (const { reject } of this.#waiting.values()) reject(error);
        this.#waiting.clear();
        resolve(undefined);
      });
    });
    this.process.on('error', () => undefined);
  }

  /**
   * Asks the child to do something; rejects with the child's error, or when it ends first.
   *
   * @param {string} task
   * @param {object} [input]
   * @returns {Promise<any>}
   */
  ask(task, input = {}) {
    return new Promise((resolve, reject) => {
      const id = ++this.#asked;
      this.#waiting.set(id, { resolve, reject });
      this.process.send({ id, task, input }, (error) => {
        if (error && this.#waiting.delete(id)) reject(error);
      });
    });
  }

  /** Ends the process at once; resolves when it is gone. */
  async end() {
    this.process.kill('SIGKILL');
    await this.gone;
  }
}

/**
 * The child's side: answers each question with what the task of that name returns.
 *
 * @param {Record<string, (input: any) => unknown>} tasks
 */
export function answering(tasks) {
  process.on('message', async (/** @type {any} */ { id, task, input }) => {
    try {
      process.send?.({ id, value: await tasks[task](input) });
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? error.message : String(error) });
    }
  });
  process.on('disconnect', () => process.exit());
  process.on('SIGINT', () => undefined);
}

/** Ends every process that is still there. */
export function endAll() {
  for (const child of alive) child.kill('SIGKILL');
}
