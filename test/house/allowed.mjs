/**
 * Findings that are right as they are, few and each with its reason. `path`, `rule` and `found` select them; an entry
 * that selects nothing is a finding itself.
 */
const allowed = [
  {
    path: /^test\/house\//,
    rule: /./,
    found: /^/,
    reason: 'the rules and their samples name what they look for',
  },
];

/**
 * @param {import('./rules.mjs').Finding[]} findings
 * @returns {import('./rules.mjs').Finding[]} those that no entry allows, and the entries that allow nothing
 */
export function withoutAllowed(findings) {
  const used = new Set();
  const left = findings.filter((finding) => {
    const entry = allowed.find(
      ({ path, rule, found }) =>
        path.test(finding.file) && rule.test(finding.rule) && found.test(finding.found),
    );
    if (entry !== undefined) used.add(entry);
    return entry === undefined;
  });
  const unused = allowed.filter((entry) => !used.has(entry));
  return [
    ...left,
    ...unused.map(({ path, found }) => ({
      file: 'test/house/allowed.mjs',
      line: 1,
      rule: 'allowed',
      found: `${path} ${found}`,
      instead: 'delete the entry, which allows nothing',
    })),
  ];
}
