/** Moves the wall clock by one hour, back and forth, every 50 ms. */
const { now } = Date;

Date.now = function () {
  const time = now();
  return time + 3_600_000 * (Math.floor(time / 50) % 3);
};
Object.defineProperty(Date.now, 'name', { value: 'now' });
