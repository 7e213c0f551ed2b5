import type { UndiciPort } from '../core/undici-port.js';
import { bindingDispatcher } from './binding-dispatcher.js';
import { composeInterceptors } from './compose-interceptors.js';
import { InterceptedChannel } from './intercepted-channel.js';
import { undici } from './load-undici.js';
import { fetchOver } from './undici-fetch.js';

export const undiciAdapters: UndiciPort = {
  fetch: fetchOver,
  createAbortError: () => new (undici().errors.RequestAbortedError)(),
  createDispatcher: bindingDispatcher,
  compose: composeInterceptors,
  interceptChannel: (channel, authority, interceptors) =>
    new InterceptedChannel(channel, authority, interceptors),
};
