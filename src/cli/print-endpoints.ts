import type { EndpointMessage } from '../protocol/messages.js';
import { styled, type Output, type TextPart } from './output.js';
import { formatDuration, formatPercent } from './format.js';

const styles = { up: 'good', draining: 'warning', suspect: 'bad' } as const;

/** Prints a table of endpoints without empty columns. */
export async function printEndpoints(stdout: Output, endpoints: readonly EndpointMessage[]): Promise<void> {
  const columns: readonly (readonly [string, (endpoint: EndpointMessage) => TextPart])[] = [
    ['ENDPOINT', ({ id }) => id],
    ['STATE', ({ state }) => styled(styles[state], state)],
    ['ADDRESS', ({ addresses }) => addresses.join(' ')],
    ['VERSION', ({ version }) => version ?? ''],
    ['HOST', ({ host }) => host ?? ''],
    ['ZONE', ({ zone }) => zone ?? ''],
    ['WEIGHT', ({ weight }) => (weight === 1 ? '' : String(weight))],
    ['LOAD', ({ load }) => (load === undefined ? '' : formatPercent(load.utilization))],
    ['EPOCH', ({ epoch }) => String(epoch)],
    ['LEASE', ({ leaseMs }) => formatDuration(leaseMs)],
    [
      'ATTRIBUTES',
      ({ attributes }) =>
        Object.entries(attributes)
          .map((pair) => pair.join('='))
          .join(' '),
    ],
  ];
  const used = columns.filter(([, show]) => endpoints.some((endpoint) => show(endpoint) !== ''));
  await stdout.table()([
    used.map(([title]) => styled('faint', title)),
    ...endpoints.map((endpoint) => used.map(([, show]) => show(endpoint))),
  ]);
}
