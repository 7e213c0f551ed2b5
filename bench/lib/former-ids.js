/** The numbers that rows had before they were named by topic. `--only` accepts them too. */
const formerIds = {
  p1: 'warm-call',
  p1b: 'warm-json',
  p2: 'warm-fetch',
  p3: 'pick',
  p4: 'warm-lookup',
  p5: 'slow-replica',
  p6: 'slow-replica-of-ten',
  p7: 'killed-replica',
  p8: 'frozen-replica',
  p9: 'healed-replica',
  p10: 'lookups',
  p11: 'registrations',
  p12: 'watch-delay',
  p13: 'lists',
  p14: 'server-memory',
  p15: 'import',
  p16: 'cold-call',
  p17: 'start-on-demand',
  p18: 'slow-route',
  p19: 'failing-majority',
  p20: 'repeated-faults',
};

/** The id of the row with a name or a former number, in lower or upper case. @param {string} text */
export const rowIdOf = (text) => {
  const id = text.toLowerCase();
  return Object.hasOwn(formerIds, id) ? formerIds[/** @type {keyof typeof formerIds} */ (id)] : id;
};
