/**
 * Interceptors have the form of undici's. The interceptors `call` get each call, and the interceptors `attempt` get
 * each attempt at an endpoint. The interceptors of undici work too. The last interceptor of a list is the outermost.
 */
import { interceptors } from 'undici';
import { createClerk, type Interceptor } from 'binding-clerk';
import { serve } from './lib/serve.js';

const token: Interceptor = (dispatch) => (options, handler) => {
  const headers = { ...(options.headers as Record<string, string>), authorization: 'Bearer 1' };
  return dispatch({ ...options, headers }, handler);
};

const trace =
  (level: string): Interceptor =>
  (dispatch) =>
  (options, handler) => {
    console.log(level, String(options.origin).replace(/:\d+$/, ''), options.path);
    return dispatch(options, handler);
  };

export async function main(): Promise<void> {
  const [first, second] = await Promise.all([serve('first'), serve('second')]);
  const registry = { '/shop/orders': [first.address, second.address] };
  const call = [trace('call'), token, interceptors.responseError()];
  await using clerk = createClerk({ registry, interceptors: { call } });
  const attempt = [trace('attempt')];
  const orders = clerk.bind('/shop/orders', { policy: ([one]) => one, interceptors: { attempt } });
  await first.stop();
  const order = await orders.json('/orders', { method: 'POST', json: { pizza: 1 } });
  console.log(order);
  await second.stop();
}

if (process.argv[1] === import.meta.filename) await main();
//=> call http://orders.shop.clerk /orders
//=> attempt http://127.0.0.1 /orders
//=> attempt http://127.0.0.1 /orders
//=> { server: 'second', request: 'POST /orders' }
