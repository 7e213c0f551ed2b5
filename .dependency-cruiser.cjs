/*
 * The layers. Every folder may import src/core and src/protocol. `client` and `binding` combine their
 * siblings; the other folders do not import each other. What one folder needs of another is a port in
 * core, and src/create-clerk.ts passes the implementation. Type-only imports count.
 */
const entry = '^src/((admin/|extend/|identity/|testing/|server/|service/)?index|cli/main)[.]ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two modules that import each other are merged, or share a third.',
      severity: 'error',
      from: { path: '^(src|test|examples)/' },
      to: { circular: true },
    },
    {
      name: 'core-imports-nothing',
      comment: 'core holds data and ports; it imports no other folder of src.',
      severity: 'error',
      from: { path: '^src/core/' },
      to: { path: '^src/', pathNot: '^src/core/' },
    },
    {
      name: 'no-siblings',
      comment: 'A folder imports itself, core and protocol; create-clerk.ts passes the rest.',
      severity: 'error',
      from: {
        path: '^src/([^/]+)/',
        pathNot:
          '^src/(core|protocol|client|binding|registry-client|registry/remote|identity|service|server|testing|cli|admin)/',
      },
      to: { path: '^src/', pathNot: '^src/(core|protocol|$1)/' },
    },
    {
      name: 'clerk-does-not-import-other-programs',
      comment:
        'What a calling program loads contains no part of a service, the server, the commands or the test kit.',
      severity: 'error',
      from: { path: '^src/((client|binding)/|create-clerk[.]ts$)' },
      to: { path: '^src/(service|server|cli|admin|testing)/' },
    },
    {
      name: 'registry-client-has-four-users',
      comment:
        'The HTTP client of the bundled registry serves registry/remote, identity, service and admin; the options of clerks state which registry.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot:
          '^src/(registry-client|registry/remote|identity|service|admin)/|^src/(create-clerk|client/config|client/identity-config|cli/registry-option)[.]ts$',
      },
      to: { path: '^src/registry-client/' },
    },
    {
      name: 'registry-client-needs-undici-only',
      comment: 'The HTTP client of the bundled registry takes undici from transport, and nothing else.',
      severity: 'error',
      from: { path: '^src/registry-client/' },
      to: {
        path: '^src/',
        pathNot: '^src/((core|protocol|registry-client)/|transport/load-undici[.]ts$)',
      },
    },
    {
      name: 'remote-registry-identity-and-service-use-registry-client',
      comment: 'They speak to the bundled registry; their index.ts brings in the adapters.',
      severity: 'error',
      from: {
        path: '^src/(registry|identity|service)/',
        pathNot:
          '^src/(identity|service|service/authenticate)/index[.]ts$|^src/registry/remote/remote-registry[.]ts$',
      },
      to: { path: '^src/', pathNot: '^src/(core|protocol|registry-client|tickets|$1)/' },
    },
    {
      name: 'tickets-are-for-server-and-service',
      comment:
        'The server issues tickets and a service verifies them. A clerk carries tickets and never loads jose.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(tickets|server|service)/' },
      to: { path: '^src/tickets/' },
    },
    {
      name: 'protocol-sees-core-alone',
      comment: 'What goes over the wire is data: messages, header names, limits and their encoding.',
      severity: 'error',
      from: { path: '^src/protocol/' },
      to: { path: '^src/', pathNot: '^src/(core|protocol)/' },
    },
    {
      name: 'service-composes-itself',
      comment: 'The service entry combines its parts with the clock, the files and the transport.',
      severity: 'error',
      from: { path: '^src/service/(authenticate/)?index[.]ts$' },
      to: {
        path: '^src/',
        pathNot:
          '^src/((core|protocol|service|runtime|transport|registry-client|tickets)/|identity/index[.]ts$)',
      },
    },
    {
      name: 'identity-composes-itself',
      comment: 'The identity entry combines its parts with the clock, the files and the transport.',
      severity: 'error',
      from: { path: '^src/identity/index[.]ts$' },
      to: { path: '^src/', pathNot: '^src/(core|protocol|identity|runtime|transport|registry-client)/' },
    },
    {
      name: 'remote-registry-composes-itself',
      comment: 'The registry port of a program brings in the clock, the keys and the transport.',
      severity: 'error',
      from: { path: '^src/registry/remote/remote-registry[.]ts$' },
      to: {
        path: '^src/',
        pathNot:
          '^src/((core|protocol|registry|registry-client|runtime|transport)/|identity/open-credentials[.]ts$)',
      },
    },
    {
      name: 'administration-composes-itself',
      comment:
        'The admin entry is a client of the registry, and no clerk; open-registry-admin.ts brings in the adapters.',
      severity: 'error',
      from: { path: '^src/admin/', pathNot: '^src/admin/(index|open-registry-admin)[.]ts$' },
      to: { path: '^src/', pathNot: '^src/(core|protocol|registry-client|admin)/' },
    },
    {
      name: 'administration-is-no-clerk',
      comment: 'A program that administers a registry loads no clerk, service, server or command.',
      severity: 'error',
      from: { path: '^src/admin/(index|open-registry-admin)[.]ts$' },
      to: {
        path: '^src/',
        pathNot:
          '^src/((core|protocol|registry-client|admin|runtime|transport)/|identity/open-credentials[.]ts$)',
      },
    },
    {
      name: 'server-parts-do-not-know-each-other',
      comment:
        'Naming, stores, the HTTP interface and the launcher meet in server/index.ts, through server/ports.ts and server/shared-log.ts.',
      severity: 'error',
      from: { path: '^src/server/([^/]+)/' },
      to: { path: '^src/server/', pathNot: '^src/server/($1/|(ports|shared-log)[.]ts$)' },
    },
    {
      name: 'commands-are-users',
      comment:
        'The command line uses the public entries, core and protocol, and opens its administration from its options; cli/main.ts brings in the clock.',
      severity: 'error',
      from: { path: '^src/cli/', pathNot: '^src/cli/main[.]ts$' },
      to: {
        path: '^src/',
        pathNot:
          '^src/((admin/|extend/|identity/|server/|service/)?index[.]ts$|admin/open-registry-admin[.]ts$|registry-client/registry-access[.]ts$|core/|protocol/|cli/)',
      },
    },
    {
      name: 'server-sees-no-client',
      comment: 'The server shares core, protocol and tickets with other programs, and nothing else.',
      severity: 'error',
      from: { path: '^src/server/', pathNot: '^src/server/index[.]ts$' },
      to: { path: '^src/', pathNot: '^src/(core|protocol|tickets|server)/' },
    },
    {
      name: 'server-composes-itself',
      comment:
        'The server brings in the real clock, files, processes and identity files, and undici for engines, in its own entry.',
      severity: 'error',
      from: { path: '^src/server/index[.]ts$' },
      to: {
        path: '^src/',
        pathNot: '^src/((core|protocol|server|runtime|identity)/|transport/load-undici[.]ts$)',
      },
    },
    {
      name: 'testing-sees-public-entries',
      comment:
        'The published test kit uses the public entries, core, and one turn of the real event loop between virtual instants.',
      severity: 'error',
      from: { path: '^src/testing/' },
      to: {
        path: '^src/',
        pathNot: '^src/((extend/)?index[.]ts$|core/|testing/|runtime/settle-microtasks[.]ts$)',
      },
    },
    {
      name: 'testing-is-not-used-inside',
      comment: 'The test kit is an entry of its own; no other module imports it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/testing/' },
      to: { path: '^src/testing/' },
    },
    {
      name: 'events-and-results-see-core-alone',
      comment: 'The emitter and the public result types depend on core only.',
      severity: 'error',
      from: { path: '^src/client/(events|resolved)[.]ts$' },
      to: { path: '^src/', pathNot: '^src/core/' },
    },
    {
      name: 'clerk-loads-no-schemas',
      comment: 'Only the server and the commands load zod, so that the main entry is quick to import.',
      severity: 'error',
      from: { path: '^src/((extend|service)/)?index[.]ts$' },
      to: { path: '^src/protocol/.*-schemas[.]ts$', reachable: true },
    },
    {
      name: 'adapters-are-passed-in',
      comment:
        'create-clerk.ts brings in sockets and the real clock; a response is read by the transport, and a missing clock is the real one.',
      severity: 'error',
      from: {
        path: '^src/(client|binding)/',
        pathNot: '^src/(binding/service-binding|client/runtime-defaults)[.]ts$',
      },
      to: {
        path: '^src/(transport|runtime|registry-client)/',
        pathNot: '^src/registry-client/registry-access[.]ts$',
      },
    },
    {
      name: 'root-holds-two-files',
      comment: 'The root of src holds the entry and the composition root; every other module is in a folder.',
      severity: 'error',
      from: {},
      to: { path: '^src/[^/]+$', pathNot: '^src/(index|create-clerk)[.]ts$' },
    },
    {
      name: 'index-is-for-outsiders',
      comment: 'index.ts lists what is public; src imports each module from its own file.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(testing|cli)/' },
      to: { path: '^src/(extend/)?index[.]ts$' },
    },
    {
      name: 'src-stands-alone',
      comment: 'Nothing published imports tests, examples or benchmarks.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|examples|bench)/' },
    },
    {
      name: 'examples-are-users',
      comment: 'An example imports the public entries of the package, as a user would.',
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
      comment:
        'A package that src imports is a dependency, not a development dependency. An optional peer is both, for the tests.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['npm-peer'],
        pathNot: '/@types/',
      },
    },
    {
      name: 'resolvable',
      comment: 'Every import resolves.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-orphans',
      comment: 'A module without imports and importers has no effect.',
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
