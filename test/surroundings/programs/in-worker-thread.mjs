/** Runs the twelve steps in a worker thread. */
import { Worker } from 'node:worker_threads';

new Worker(new URL('twelve-steps.mjs', import.meta.url));
