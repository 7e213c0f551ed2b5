/** (provisional) */
export { random as affinity } from './random.js';
