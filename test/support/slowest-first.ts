/**
 * The order of test files: long files start first, so that none of them runs alone at the end. vitest orders files by the
 * durations of earlier runs, which a clean checkout does not have.
 */
import { relative, sep } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest files of each project, in order. */
const slowest = [
  'test/world/short-runs.test.ts',
  'test/world/full-runs.test.ts',
  'test/world/steady-runs.test.ts',
  'test/mutilations/mutilations.test.ts',
  'test/attacks/load/load-attacks.test.ts',
  'test/server/crash-durability.test.ts',
  'test/examples.test.ts',
  'test/real/replacement.test.ts',
  'test/attacks/fuzz/stranger-parsers.test.ts',
  'test/real/idle-stop.test.ts',
  'test/surroundings/bundles.test.ts',
  'test/client/bundled-registry.test.ts',
  'test/real/advertise.test.ts',
  'test/server/engines/postgres-log.test.ts',
  'test/cli/secured-processes.test.ts',
  'test/attacks/fuzz/registry-parsers.test.ts',
  'test/real/cluster-workers.test.ts',
  'test/real/half-open-h2-connections.test.ts',
  'test/real/restored-registry.test.ts',
  'test/attacks/replay/replay.test.ts',
  'test/server/engines/etcd-failover.test.ts',
  'test/real/demo.test.ts',
  'test/attacks/fuzz/ticket-parsers.test.ts',
  'test/real/secured-service.test.ts',
];

export class SlowestFirst extends BaseSequencer {
  /** Keeps the files of a group together, and the files of a project. */
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = (file: TestSpecification): number => {
      const path = relative(this.ctx.config.root, file.moduleId).split(sep).join('/');
      const index = slowest.indexOf(path);
      return index < 0 ? slowest.length : index;
    };
    const group = (file: TestSpecification): number => file.project.config.sequence.groupOrder;
    const shares = (file: TestSpecification): number => (file.project.config.isolate ? 0 : 1);
    return sorted.sort((a, b) => group(a) - group(b) || shares(a) - shares(b) || rank(a) - rank(b));
  }
}
