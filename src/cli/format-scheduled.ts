import type { ScheduledChange } from '../core/registry.js';
import { formatDuration } from './format.js';

/** Returns text such as `/shop/orders will be removed in 4 s`. */
export function formatScheduled({ name, change, appliesInMs }: ScheduledChange): string {
  return `${name} will ${change === 'remove' ? 'be removed' : 'change'} in ${formatDuration(appliesInMs)}`;
}
