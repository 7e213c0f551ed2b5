/**
 * Paths of the registry's HTTP interface, version 1. Every state change is a POST with a JSON body.
 *
 * @see [A25](../../docs/guarantees.md#a25)
 */
export const paths = Object.freeze({
  health: '/healthz',
  metrics: '/metrics',
  openapi: '/v1/openapi.json',
  /** GET `?name=`: {@link ResolveResponse}. */
  resolve: '/v1/resolve',
  /** GET `?glob=&after=`: {@link ListResponse}. */
  list: '/v1/list',
  /** GET `?glob=` and attributes: {@link SearchResponse}. */
  search: '/v1/search',
  /** GET `?address=`: {@link WhoisResponse}. */
  whois: '/v1/whois',
  /** GET: {@link StatusResponse}. */
  status: '/v1/status',
  /** POST {@link DefineRequest}: {@link ChangeResponse}. */
  define: '/v1/define',
  /** POST {@link LinkRequest}: {@link ChangeResponse}. */
  link: '/v1/link',
  /** POST {@link DirectoryRequest}: {@link DirectoryResponse}. */
  directory: '/v1/directory',
  /** POST {@link MoveRequest}: {@link ChangeResponse}. */
  move: '/v1/move',
  /** POST {@link RemoveRequest}: {@link ChangeResponse}. */
  remove: '/v1/remove',
  /** POST {@link RegisterRequest}: {@link RegisterResponse}. */
  register: '/v1/register',
  /** POST {@link RenewRequest}: {@link RenewResponse}. */
  renew: '/v1/renew',
  /** POST {@link ReportRequest}: an empty object. */
  report: '/v1/report',
  /** POST {@link WithdrawRequest}: {@link ChangeResponse}. */
  withdraw: '/v1/withdraw',
  /** POST {@link WatchRequest}: an event stream of {@link WatchEvent}. */
  watch: '/v1/watch',
  /** POST {@link WatchEditRequest}: an empty object. */
  watchEdit: '/v1/watch/edit',
  /** POST {@link LaunchRequest}: {@link LaunchResponse}. */
  launch: '/v1/launch',
  /** POST {@link StopRequest}: {@link StopResponse}. */
  stop: '/v1/stop',
  /** POST {@link StopRequest}: {@link LaunchResponse}. */
  reset: '/v1/reset',
  /** GET: one {@link ExportLine} per line. */
  export: '/v1/export',
  /** POST, one {@link ExportLine} per line: {@link ImportResponse}. */
  import: '/v1/import',
});
