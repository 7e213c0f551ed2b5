/** One replica of a service: answers every request with its own name, a little later. Arguments: name, port (0 for a free one), how late in ms (default 3). */
import { createServer } from 'node:http';

const [, , name, port, lateMs = '3'] = process.argv;
const server = createServer((request, response) => {
  setTimeout(() => response.end(JSON.stringify({ name })), Number(lateMs));
});
server.listen(Number(port), '127.0.0.1', () => console.log(`port ${server.address().port}`));
