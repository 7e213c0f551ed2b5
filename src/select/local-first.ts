/** (provisional) */
export { random as localFirst } from './random.js';
