/** Runs the twelve steps in a worker of `node:cluster`, whose ports belong to the primary. */
import cluster from 'node:cluster';

if (cluster.isPrimary) cluster.fork().on('exit', (code) => (process.exitCode = code));
else {
  const { finished } = await import('./twelve-steps.mjs');
  await finished;
  // Its channel to the primary keeps a worker alive, and nothing else may.
  cluster.worker.disconnect();
}
