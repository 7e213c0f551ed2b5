/**
 * Paths of the registry's HTTP interface, version 1. Every state change is a POST with a JSON body.
 *
 * @see [A25](../../docs/guarantees.md#a25)
 */
export const paths = Object.freeze({
  health: '/healthz',
  metrics: '/metrics',
  openapi: '/v1/openapi.json',
  /** GET with the query `?name=`. Response: {@link ResolveResponse}. */
  resolve: '/v1/resolve',
  /** GET with the query `?glob=&after=`. Response: {@link ListResponse}. */
  list: '/v1/list',
  /** GET with the query `?glob=` and attributes. Response: {@link SearchResponse}. */
  search: '/v1/search',
  /** GET with the query `?address=`. Response: {@link WhoisResponse}. */
  whois: '/v1/whois',
  /** GET. Response: {@link StatusResponse}. */
  status: '/v1/status',
  /** POST. Body: {@link DefineRequest}. Response: {@link ChangeResponse}. */
  define: '/v1/define',
  /** POST. Body: {@link LinkRequest}. Response: {@link ChangeResponse}. */
  link: '/v1/link',
  /** POST. Body: {@link DirectoryRequest}. Response: {@link DirectoryResponse}. */
  directory: '/v1/directory',
  /** POST. Body: {@link MoveRequest}. Response: {@link ChangeResponse}. */
  move: '/v1/move',
  /** POST. Body: {@link RemoveRequest}. Response: {@link ChangeResponse}. */
  remove: '/v1/remove',
  /** POST. Body: {@link RegisterRequest}. Response: {@link RegisterResponse}. */
  register: '/v1/register',
  /** POST. Body: {@link RenewRequest}. Response: {@link RenewResponse}. */
  renew: '/v1/renew',
  /** POST. Body: {@link ReportRequest}. Response: an empty object. */
  report: '/v1/report',
  /** POST. Body: {@link WithdrawRequest}. Response: {@link ChangeResponse}. */
  withdraw: '/v1/withdraw',
  /** POST. Body: {@link WatchRequest}. Response: an event stream of {@link WatchEvent}. */
  watch: '/v1/watch',
  /** POST. Body: {@link WatchEditRequest}. Response: an empty object. */
  watchEdit: '/v1/watch/edit',
  /** POST. Body: {@link LaunchRequest}. Response: {@link LaunchResponse}. */
  launch: '/v1/launch',
  /** POST. Body: {@link StopRequest}. Response: {@link StopResponse}. */
  stop: '/v1/stop',
  /** POST. Body: {@link StopRequest}. Response: {@link LaunchResponse}. */
  reset: '/v1/reset',
  /** GET. Response: one {@link ExportLine} per line. */
  export: '/v1/export',
  /** POST. Body: one {@link ExportLine} per line. Response: {@link ImportResponse}. */
  import: '/v1/import',
});
