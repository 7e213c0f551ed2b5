/** (provisional) */
import type { Endpoint } from '../core/endpoint.js';
export function fitting(e: readonly Endpoint[], _v: string): readonly Endpoint[] { return e; }
