'use strict';

/** A CommonJS module, because only `require` loads a package late and synchronously. Bundlers follow it. */
module.exports = {
  load() {
    const undici = require('undici');
    try {
      // undici requires its parser at the first connection, which is too late in a bundle; see `loadPackage`.
      require('undici/lib/llhttp/llhttp_simd-wasm.js');
    } catch {
      // Another release of undici has the parser elsewhere.
    }
    return undici;
  },
};
