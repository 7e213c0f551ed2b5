/**
 * A video-on-demand system. A browser calls /bvods/qs, which the registry starts on demand. That service calls
 * /bvods/vmgr, which calls the file servers /bvods/vfs1/cms and /bvods/vfs2/cms, links to /cms/host1 and /cms/host2.
 * A video server is killed, then the registry, and every film still plays.
 *
 * @see [T17](../docs/background.md#t17)
 */
import { system } from './video/system.js';

export async function main(): Promise<void> {
  const { browser, videoServers, registry, stop } = await system();
  const play = async (film: string): Promise<void> => console.log(await browser.text(film));

  await play('/metropolis');
  await videoServers[0]?.kill();
  await play('/nosferatu');
  await registry.kill();
  await play('/the-general');
  await registry.start();
  await videoServers[0]?.start();
  await play('/sunrise');
  await stop();
}

if (process.argv[1] === import.meta.filename) await main();
//=> /metropolis from host1
//=> /nosferatu from host2
//=> /the-general from host2
//=> /sunrise from host1
