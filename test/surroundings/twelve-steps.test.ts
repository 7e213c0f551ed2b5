/** One program, whose output must not depend on how Node runs it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packPackage, type PackedPackage } from './packed-package.js';
import { runNode } from './run-node.js';
import { twelveSteps } from './twelve-steps.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const permission = major > 22 || (major === 22 && minor >= 13) ? '--permission' : '--experimental-permission';
/** Node 25 and later restrict the network too. */
const network = major >= 25 ? ['--allow-net'] : [];

let packed: PackedPackage;

beforeAll(async () => {
  packed = await packPackage();
  mkdirSync(join(packed.folder, 'data'));
}, 120_000);

afterAll(() => packed.remove());

const readable = (): string[] => [`--allow-fs-read=${packed.folder}/`, `--allow-fs-read=${root}`];

const surroundings = {
  'plain Node': () => ['twelve-steps.mjs'],
  'node --permission': () => [permission, ...network, ...readable(), 'twelve-steps.mjs'],
  'node --permission with the data of a registry': () => [
    ...[permission, ...network, ...readable(), '--allow-addons', '--allow-fs-read=/etc/alpine-release'],
    ...[
      `--allow-fs-write=${packed.folder}/data/`,
      'twelve-steps.mjs',
      join(packed.folder, 'data', 'registry'),
    ],
  ],
  'node --frozen-intrinsics': () => ['--frozen-intrinsics', 'twelve-steps.mjs'],
  'a worker thread': () => ['in-worker-thread.mjs'],
  'a worker of the cluster module': () => ['in-cluster-worker.mjs'],
  'a global fetch that Next.js has patched': () => ['--import', './patched-fetch.mjs', 'twelve-steps.mjs'],
  'steps of the wall clock': () => ['--import', './clock-steps.mjs', 'twelve-steps.mjs'],
};

test.for(Object.entries(surroundings))(
  'twelve steps have the same output in %s',
  { timeout: 150_000 },
  async ([, args]) => {
    expect(await runNode(args(), join(packed.folder, 'programs'))).toBe(twelveSteps);
  },
);
