/** The one method of the gRPC service, as both sides know it: JSON in both directions, as the HTTP service has it. */
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
