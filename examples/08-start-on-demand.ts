/**
 * Start on demand: the service is not running, so the first call starts it. Concurrent callers share one start. A
 * factory is any function that resolves to an address; `examples/demo` starts a process.
 */
import { createClerk } from 'binding-clerk';
import { serve, type Answer, type Server } from './lib/serve.js';

export async function main(): Promise<void> {
  const running: Server[] = [];
  const clerk = createClerk({ registry: {} }); // a name that its binding can start needs no entry
  const reports = clerk.bind('/shop/reports', {
    factory: async () => {
      const server = await serve(`reports-${running.length + 1}`);
      running.push(server);
      return server.endpoint;
    },
  });

  const fifty = Array.from({ length: 50 }, (_, i) => reports.json<Answer>(`/reports/${i}`));
  const servers = new Set((await Promise.all(fifty)).map(({ server }) => server));
  console.log(`${fifty.length} callers, starts: ${running.length}, answered by ${[...servers].join()}`);

  await running[0]?.stop(); // the service dies, and the next call notices
  const { server } = await reports.json<Answer>('/reports/50');
  console.log(`1 caller, starts: ${running.length}, answered by ${server}`);

  await clerk.close();
  await running[1]?.stop();
}

if (process.argv[1] === import.meta.filename) await main();
//=> 50 callers, starts: 1, answered by reports-1
//=> 1 caller, starts: 2, answered by reports-2
