'use strict';

/** A CommonJS module, so that a server without manifests does not load the package. Bundlers follow it. */
module.exports = { load: () => require('yaml') };
