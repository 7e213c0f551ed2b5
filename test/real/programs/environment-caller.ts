/** A client whose identity and registry come from the environment alone. Prints the response, or the error code. */
import { createClerk, isClerkError } from 'binding-clerk';
import { printLine } from './print-line.js';

const clerk = createClerk();
try {
  printLine(await clerk.bind('/shop/orders').text('/'));
} catch (error) {
  printLine(isClerkError(error) ? error.code : String(error));
}
await clerk.close();
