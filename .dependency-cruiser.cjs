/*
 * The layers. Everything points to src/core; folders beside it do not know each other, and what one
 * needs of another is a port in core that src/create-clerk.ts hands over. Type-only imports count.
 */
const entry = '^src/((testing/|server/|service/)?index|cli/main)[.]ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two modules that need each other are one module, or lack a third.',
      severity: 'error',
      from: { path: '^(src|test|examples)/' },
      to: { circular: true },
    },
    {
      name: 'core-imports-nothing',
      comment: 'core holds data and ports; it knows no other part of src.',
      severity: 'error',
      from: { path: '^src/core/' },
      to: { path: '^src/', pathNot: '^src/core/' },
    },
    {
      name: 'no-siblings',
      comment: 'A folder imports itself, core and protocol; the rest is handed to it by clerk.ts.',
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: '^src/(core|protocol|server|testing|cli|service/index[.]ts$)' },
      to: { path: '^src/', pathNot: '^src/(core|protocol|$1)/' },
    },
    {
      name: 'protocol-sees-core-alone',
      comment: 'The interface between programs is data.',
      severity: 'error',
      from: { path: '^src/protocol/' },
      to: { path: '^src/', pathNot: '^src/(core|protocol)/' },
    },
    {
      name: 'service-composes-itself',
      comment: 'What runs in a service is put together in its own entry, from the doors it needs.',
      severity: 'error',
      from: { path: '^src/service/index[.]ts$' },
      to: { path: '^src/', pathNot: '^src/(core|protocol|service|runtime|transport|invoke/retry[.]ts$)' },
    },
    {
      name: 'server-parts-do-not-know-each-other',
      comment: 'Names, stores, the interface and the launcher meet in server/index.ts, over server/ports.ts.',
      severity: 'error',
      from: { path: '^src/server/([^/]+)/' },
      to: { path: '^src/server/', pathNot: '^src/server/($1/|ports[.]ts$)' },
    },
    {
      name: 'commands-are-users',
      comment:
        'The command line sees what every user has, core and protocol; its main program brings in the clock.',
      severity: 'error',
      from: { path: '^src/cli/', pathNot: '^src/cli/main[.]ts$' },
      to: { path: '^src/', pathNot: '^src/((server/|service/)?index[.]ts$|core/|wire/|cli/)' },
    },
    {
      name: 'server-sees-no-client',
      comment: 'The server shares core, protocol and tickets with the client, and nothing else.',
      severity: 'error',
      from: { path: '^src/server/', pathNot: '^src/server/index[.]ts$' },
      to: { path: '^src/', pathNot: '^src/(core|protocol|tickets|server)/' },
    },
    {
      name: 'server-composes-itself',
      comment: 'The server brings in the real clock, files and processes in its own entry.',
      severity: 'error',
      from: { path: '^src/server/index[.]ts$' },
      to: { path: '^src/', pathNot: '^src/(core|protocol|tickets|server|runtime)/' },
    },
    {
      name: 'testing-sees-public-entries',
      comment:
        'The published test kit is built from what every user has, from core, and from the one turn of real time that virtual time needs.',
      severity: 'error',
      from: { path: '^src/testing/' },
      to: { path: '^src/', pathNot: '^src/(index[.]ts$|core/|testing/|runtime/drain[.]ts$)' },
    },
    {
      name: 'testing-is-not-used-inside',
      comment: 'The test kit is an entry of its own; no program may load it by accident.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/testing/' },
      to: { path: '^src/testing/' },
    },
    {
      name: 'only-the-top-composes',
      comment:
        'The files at the top of src put the folders together. Those that are data and doors see core alone.',
      severity: 'error',
      from: { path: '^src/(events|resolved)[.]ts$' },
      to: { path: '^src/[^/]+/', pathNot: '^src/core/' },
    },
    {
      name: 'only-the-root-sees-adapters',
      comment: 'Sockets and the real clock are brought in by the root and by what speaks for programs.',
      severity: 'error',
      from: { path: '^src/[^/]+$', pathNot: '^src/(clerk|binding|surroundings|index)[.]ts$' },
      to: { path: '^src/(transport|runtime)/' },
    },
    {
      name: 'index-is-for-outsiders',
      comment: 'index.ts lists what is public; inside, a module is imported from where it lives.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(testing|cli)/' },
      to: { path: '^src/index[.]ts$' },
    },
    {
      name: 'src-stands-alone',
      comment: 'Nothing published may need tests, examples or benchmarks.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|examples|bench)/' },
    },
    {
      name: 'examples-are-users',
      comment: 'An example imports binding-clerk and binding-clerk/testing by name, as a user would.',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^(src|test|bench)/', pathNot: entry },
    },
    {
      name: 'examples-import-by-name',
      comment: 'An example imports the package by name, not by a path into src.',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: entry, dependencyTypesNot: ['aliased'] },
    },
    {
      name: 'no-dev-dependencies',
      comment: 'What src imports must be installed with it.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], pathNot: '/@types/' },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads somewhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-orphans',
      comment: 'A module that imports nothing and is imported by nothing does nothing.',
      severity: 'error',
      from: { path: '^(src|test|examples)/.*[.]ts$', orphan: true },
      to: {},
    },
    {
      name: 'nothing-unreachable',
      comment: 'Every module of src can be reached from a public entry.',
      severity: 'error',
      from: { path: entry },
      to: { path: '^src/', pathNot: entry, reachable: false },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|docs-out|coverage)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      mainFields: ['module', 'main', 'types'],
    },
    reporterOptions: { text: { highlightFocused: true } },
  },
};
