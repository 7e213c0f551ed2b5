'use strict';

/**
 * This module is CommonJS, because only `require` can load a package late and synchronously. Bundlers also bundle a
 * package that is loaded with `require`.
 */
module.exports = {
  load() {
    const undici = require('undici');
    try {
      // undici requires its parser at the first connection, which is too late in a bundle; see `loadPackage`.
      require('undici/lib/llhttp/llhttp_simd-wasm.js');
    } catch {
      // Another release of undici may have the parser in another file, so a missing file is not an error.
    }
    return undici;
  },
};
