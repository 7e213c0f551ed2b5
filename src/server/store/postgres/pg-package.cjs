'use strict';

/** A CommonJS module, so that a server with another store does not load the package. Bundlers follow it. */
module.exports = { load: () => require('pg') };
