/** Endpoints as people read them. */
import type { WireEndpoint } from '../wire/messages.js';
import { paint, type Output, type Piece } from './output.js';
import { duration, percent } from './wording.js';

const styles = { up: 'good', draining: 'doubtful', suspect: 'bad' } as const;

/** Prints one line an endpoint; columns in which nobody has anything are left out. */
export async function printEndpoints(out: Output, endpoints: readonly WireEndpoint[]): Promise<void> {
  const columns: readonly (readonly [string, (endpoint: WireEndpoint) => Piece])[] = [
    ['ENDPOINT', ({ id }) => id],
    ['STATE', ({ state }) => paint(styles[state], state)],
    ['ADDRESS', ({ addresses }) => addresses.join(' ')],
    ['VERSION', ({ version }) => version ?? ''],
    ['HOST', ({ host }) => host ?? ''],
    ['ZONE', ({ zone }) => zone ?? ''],
    ['WEIGHT', ({ weight }) => (weight === 1 ? '' : String(weight))],
    ['LOAD', ({ load }) => (load === undefined ? '' : percent(load.utilization))],
    ['EPOCH', ({ epoch }) => String(epoch)],
    ['LEASE', ({ leaseMs }) => duration(leaseMs)],
    [
      'ATTRIBUTES',
      ({ attributes }) =>
        Object.entries(attributes)
          .map((pair) => pair.join('='))
          .join(' '),
    ],
  ];
  const used = columns.filter(([, show]) => endpoints.some((endpoint) => show(endpoint) !== ''));
  await out.table()([
    used.map(([title]) => paint('faint', title)),
    ...endpoints.map((endpoint) => used.map(([, show]) => show(endpoint))),
  ]);
}
