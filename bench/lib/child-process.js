/**
 * Child processes of a run. They end when their row ends, when it fails, and when the run is interrupted. A child also
 * exits when its IPC channel to the parent closes.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

/** A child process with a request-response channel over IPC. */
export class Child {
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #pending = new Map();
  #lastId = 0;

  /**
   * @param {string} file - relative to `bench/`
   * @param {{ execArgv?: string[] }} [options]
   */
  constructor(file, { execArgv = [] } = {}) {
    this.process = fork(fileURLToPath(new URL(`../${file}`, import.meta.url)), [], {
      serialization: 'advanced',
      execArgv: ['--no-warnings', ...execArgv],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    running.add(this.process);
    this.process.on('message', (/** @type {any} */ { id, value, error }) => {
      const call = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) call?.resolve(value);
      else call?.reject(new Error(error));
    });
    /** Resolves when the process has exited. */
    this.exited = new Promise((resolve) => {
      this.process.once('exit', (code, signal) => {
        running.delete(this.process);
        const error = new Error(`${file} exited (${signal ?? code})`);
        for (const { reject } of this.#pending.values()) reject(error);
        this.#pending.clear();
        resolve(undefined);
      });
    });
    this.process.on('error', () => undefined);
  }

  /**
   * Runs a task of the child. Rejects with the error of the task, or when the child exits first.
   *
   * @param {string} task
   * @param {object} [input]
   * @returns {Promise<any>}
   */
  call(task, input = {}) {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#pending.set(id, { resolve, reject });
      this.process.send({ id, task, input }, (error) => {
        if (error && this.#pending.delete(id)) reject(error);
      });
    });
  }

  /** Kills the process; resolves when it has exited. */
  async end() {
    this.process.kill('SIGKILL');
    await this.exited;
  }
}

/**
 * Runs in the child: responds to each request with the result of the task of that name.
 *
 * @param {Record<string, (input: any) => unknown>} tasks
 */
export function handleTasks(tasks) {
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

/** Kills all child processes that have not exited. */
export function endAll() {
  for (const child of running) child.kill('SIGKILL');
}
