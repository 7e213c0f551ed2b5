/** (provisional) */
import type { Policy } from '../core/policy.js';
import { loadAware } from './load-aware.js';
export function policyOf(_x: unknown): Policy { return loadAware(); }
