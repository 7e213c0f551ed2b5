/** Runs the twelve steps in a worker of `node:cluster`, whose ports belong to the primary. */
import cluster from 'node:cluster';

if (cluster.isPrimary) cluster.fork().on('exit', (code) => (process.exitCode = code));
else {
  await import('./twelve-steps.mjs');
  process.once('beforeExit', () => cluster.worker.disconnect());
}
