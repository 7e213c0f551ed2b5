/** The method of the gRPC service, for client and server: JSON in both directions, as in the HTTP service. */
const serialize = (/** @type {unknown} */ value) => Buffer.from(JSON.stringify(value));
const deserialize = (/** @type {Buffer} */ bytes) => JSON.parse(bytes.toString());

export const service = {
  get: {
    path: '/shop.Orders/Get',
    requestStream: false,
    responseStream: false,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  },
};
