import type { EndpointMessage } from '../protocol/lookup-messages.js';
import { styled, type Output } from './output.js';
import { formatDuration, formatPercent } from './format.js';
import { printColumns, type Column } from './print-columns.js';

const styles = { up: 'good', draining: 'warning', suspect: 'bad', starting: 'warning' } as const;

const columns: readonly Column<EndpointMessage>[] = [
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
  ['KEY', ({ key }) => key ?? ''],
  ['ATTRIBUTES', ({ attributes }) => joinPairs(attributes)],
];

export function printEndpoints(stdout: Output, endpoints: readonly EndpointMessage[]): Promise<void> {
  return printColumns(stdout, columns, endpoints);
}

function joinPairs(attributes: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(attributes).map((pair) => pair.join('='));
  return pairs.join(' ');
}
