/** The replicas of `http-server.js` over gRPC: unary methods with the same responses as JSON, the same delays and counts. */
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { serveReplicas } from '../lib/replica.js';
import { service } from '../peers/grpc-service.js';

serveReplicas((replica, port = 0) => {
  const server = new Server();
  const respond = (callback) =>
    replica.isFailing ? callback({ code: status.UNAVAILABLE }) : callback(null, replica.body);
  server.addService(service, {
    get: (_, callback) => replica.serve(() => respond(callback)),
    report: (_, callback) => replica.serveReport(() => respond(callback)),
  });
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
});
