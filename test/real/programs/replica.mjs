/**
 * One replica of a service: responds to every request with its name after a delay. Arguments: name, port (0:
 * a free one), delay in ms (default 3).
 */
import { createServer } from 'node:http';

const [, , name, port, lateMs = '3'] = process.argv;
const server = createServer((request, response) => {
  setTimeout(() => response.end(JSON.stringify({ name })), Number(lateMs));
});
server.listen(Number(port), '127.0.0.1', () => console.log(`port ${server.address().port}`));
