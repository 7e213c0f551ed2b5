/** The methods of the gRPC service, for client and server: JSON in both directions, as in the HTTP service. */
const serialize = (/** @type {unknown} */ value) => Buffer.from(JSON.stringify(value));
const deserialize = (/** @type {Buffer} */ bytes) => JSON.parse(bytes.toString());

const unaryMethod = (/** @type {string} */ path) => ({
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
});

export const service = { get: unaryMethod('/shop.Orders/Get'), report: unaryMethod('/shop.Orders/Report') };
