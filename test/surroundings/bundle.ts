/** Bundles of two programs, made by the bundlers with the options in docs/surroundings.md. */
import { join } from 'node:path';
import commonjsPlugin from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import * as esbuild from 'esbuild';
import { rollup } from 'rollup';
import { webpack, type Configuration } from 'webpack';

export const formats = ['esm', 'cjs'] as const;
export type BundleFormat = (typeof formats)[number];

/** Paths of programs, by name of the bundle. */
export type Programs = Readonly<Record<string, string>>;

const external = ['classic-level'];
/** The types of the package describe another module than Node loads. */
const commonjs = commonjsPlugin as unknown as typeof commonjsPlugin.default;

export async function bundleWithEsbuild(programs: Programs, folder: string): Promise<void> {
  for (const format of formats)
    await esbuild.build({
      entryPoints: programs,
      outdir: join(folder, format),
      outExtension: { '.js': extensionOf(format) },
      bundle: true,
      platform: 'node',
      format,
      external,
    });
}

export async function bundleWithRollup(programs: Programs, folder: string): Promise<void> {
  const bundle = await rollup({
    input: programs,
    external,
    // Node 20 has no `node:sqlite`, which undici requires on first use only.
    plugins: [nodeResolve({ exportConditions: ['node'] }), commonjs({ ignore: ['node:sqlite'] })],
    onwarn: () => undefined,
  });
  for (const format of formats)
    await bundle.write({
      dir: join(folder, format),
      format: format === 'esm' ? 'es' : 'cjs',
      entryFileNames: `[name]${extensionOf(format)}`,
      chunkFileNames: `[name]-[hash]${extensionOf(format)}`,
    });
  await bundle.close();
}

export async function bundleWithWebpack(programs: Programs, folder: string): Promise<void> {
  const configurations = formats.map((format): Configuration => {
    const isModule = format === 'esm';
    return {
      mode: 'none',
      target: 'node20',
      entry: programs,
      experiments: { outputModule: isModule },
      externals: { 'classic-level': isModule ? 'import classic-level' : 'commonjs classic-level' },
      output: {
        path: join(folder, format),
        filename: `[name]${extensionOf(format)}`,
        chunkFilename: `[name]-chunk${extensionOf(format)}`,
        module: isModule,
        library: { type: isModule ? 'module' : 'commonjs2' },
      },
    };
  });
  await new Promise<void>((resolve, reject) => {
    webpack(configurations, (error, stats) => {
      if (error === null && stats?.hasErrors() === false) resolve();
      else reject(error ?? new Error(stats?.toString({ all: false, errors: true })));
    });
  });
}

function extensionOf(format: BundleFormat): string {
  return format === 'esm' ? '.mjs' : '.cjs';
}
