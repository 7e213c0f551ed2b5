/** Where things are on the server. State changes by POST with JSON only. @see promises A25 */

/** Paths of the interface, version 1. */
export const paths = Object.freeze({
  health: '/healthz',
  metrics: '/metrics',
  openapi: '/v1/openapi.json',
  /** GET `?name=`: {@link ResolveReply}. */
  resolve: '/v1/resolve',
  /** GET `?glob=&after=`: {@link ListReply}. */
  list: '/v1/list',
  /** GET `?glob=` and attributes: {@link SearchReply}. */
  search: '/v1/search',
  /** GET `?address=`: {@link WhoisReply}. */
  whois: '/v1/whois',
  /** GET: {@link StatusReply}. */
  status: '/v1/status',
  /** POST {@link DefineRequest}: {@link ChangeReply}. */
  define: '/v1/define',
  /** POST {@link LinkRequest}: {@link ChangeReply}. */
  link: '/v1/link',
  /** POST {@link DirectoryRequest}: {@link DirectoryReply}. */
  directory: '/v1/directory',
  /** POST {@link MoveRequest}: {@link ChangeReply}. */
  move: '/v1/move',
  /** POST {@link RemoveRequest}: {@link ChangeReply}. */
  remove: '/v1/remove',
  /** POST {@link RegisterRequest}: {@link RegisterReply}. */
  register: '/v1/register',
  /** POST {@link RenewRequest}: {@link RenewReply}. */
  renew: '/v1/renew',
  /** POST {@link ReportRequest}: nothing. */
  report: '/v1/report',
  /** POST {@link WithdrawRequest}: {@link ChangeReply}. */
  withdraw: '/v1/withdraw',
  /** POST {@link WatchRequest}: a stream of {@link WatchEvent}s. */
  watch: '/v1/watch',
  /** POST {@link WatchEdit} to a watch that is open. */
  watchEdit: '/v1/watch/edit',
  /** POST {@link LaunchRequest}: {@link LaunchReply}. */
  launch: '/v1/launch',
  /** POST {@link StopRequest}: {@link StopReply}. */
  stop: '/v1/stop',
  /** POST {@link StopRequest}: {@link LaunchReply}. */
  reset: '/v1/reset',
  /** GET: one {@link ExportLine} a line. */
  export: '/v1/export',
  /** POST, one {@link ExportLine} a line: {@link ImportReply}. */
  import: '/v1/import',
});
