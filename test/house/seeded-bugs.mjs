/** Rule: the page of guarantees names each seeded bug under the clause that it breaks. */
const page = 'docs/guarantees.md';

/** @param {import('./rules.mjs').TextFile[]} files */
export function* unlistedBugs(files) {
  const clauses = clausesOf(files.find(({ path }) => path === page)?.text ?? '');
  for (const { path, kind, text } of files) {
    if (kind !== 'patch') continue;
    const lines = text.split(/^diff --git /m, 1)[0].split('\n');
    const at = lines.findIndex((line) => line.startsWith('Breaks:'));
    for (const [id] of lines[at]?.matchAll(/\b[ACN]\d+(\.\d+)?\b/g) ?? []) {
      const anchor = id.toLowerCase().replace('.', '-');
      if (clauses.get(anchor)?.includes(path) === true) continue;
      yield {
        file: path,
        line: at + 1,
        rule: 'bug',
        found: id,
        instead: `a link to this patch at #${anchor} of ${page}`,
      };
    }
  }
}

/** The text from each anchor to the next one, by anchor. */
function clausesOf(text) {
  const clauses = new Map();
  const anchors = [...text.matchAll(/<a id="([^"]+)">/g)];
  for (const [i, anchor] of anchors.entries())
    clauses.set(anchor[1], text.slice(anchor.index, anchors[i + 1]?.index));
  return clauses;
}
