/** What the rules need of a source file: its comments, names, texts and exported types, each with its line. */
import { createRequire } from 'node:module';

// Required, since an import would first look through all of it for exports.
const ts = createRequire(import.meta.url)('typescript');

const sources = new WeakMap();

/**
 * @typedef {{ line: number, text: string }} Piece
 * @param {import('./rules.mjs').TextFile} file - of kind `code`
 * @returns {{ comments: Piece[], names: Piece[], texts: Piece[], exportedTypes: Piece[] }}
 */
export function sourceOf(file) {
  let source = sources.get(file);
  if (source === undefined) sources.set(file, (source = parse(file)));
  return source;
}

function parse({ path, text }) {
  const kind = path.endsWith('ts') ? ts.ScriptKind.TS : ts.ScriptKind.JS;
  const options = {
    languageVersion: ts.ScriptTarget.Latest,
    jsDocParsingMode: ts.JSDocParsingMode.ParseNone,
  };
  const tree = ts.createSourceFile(path, text, options, false, kind);
  const lineAt = (position) => tree.getLineAndCharacterOfPosition(position).line + 1;
  const source = { comments: [], names: [], texts: [], exportedTypes: [] };
  const names = new Set();
  /** Where literals are, in order: what looks like a comment there is none. */
  const literals = [];

  const visit = (node, parent) => {
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) {
      if (names.has(node.text)) return;
      names.add(node.text);
      source.names.push({ line: lineAt(node.getStart(tree)), text: node.text });
      return;
    }
    if (ts.isLiteralExpression(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      const start = node.getStart(tree);
      literals.push({ start, end: node.end });
      const isText = ts.isStringLiteralLike(node) || !ts.isLiteralExpression(node);
      if (isText && !isModuleName(parent)) source.texts.push({ line: lineAt(start), text: node.text });
      return;
    }
    if (parent === tree && isTypeDeclaration(node) && isExported(node))
      source.exportedTypes.push({ line: lineAt(node.name.getStart(tree)), text: node.name.text });
    ts.forEachChild(node, (child) => visit(child, node));
  };
  ts.forEachChild(tree, (child) => visit(child, tree));
  for (const { position, text: comment } of commentsIn(text, literals))
    source.comments.push({ line: lineAt(position), text: comment });
  source.comments = mergeLineComments(source.comments);
  return source;
}

function* commentsIn(text, literals) {
  let next = 0;
  const mark = /\/\*[^]*?\*\/|\/\/.*/g;
  for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
    while (next < literals.length && literals[next].end <= found.index) next++;
    const literal = literals[next];
    if (literal !== undefined && literal.start <= found.index) mark.lastIndex = literal.end;
    else yield { position: found.index, text: found[0] };
  }
}

function isModuleName(parent) {
  return ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent);
}

function isTypeDeclaration(node) {
  return (
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isEnumDeclaration(node) ||
    (ts.isClassDeclaration(node) && node.name !== undefined)
  );
}

function isExported(node) {
  return node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
}

/** `//` comments on consecutive lines are one text. */
function mergeLineComments(comments) {
  const merged = [];
  let lastLine = 0;
  for (const comment of comments) {
    const previous = merged.at(-1);
    const continues = comment.text.startsWith('//') && previous?.text.startsWith('//') === true;
    if (continues && comment.line === lastLine + 1) previous.text += `\n${comment.text}`;
    else merged.push({ ...comment });
    lastLine = comment.line;
  }
  return merged;
}
