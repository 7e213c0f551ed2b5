/** Paths of the registry's HTTP interface. Every change is a POST. @see [A25](../../docs/guarantees.md#a25) */
export const paths = Object.freeze({
  health: '/healthz',
  metrics: '/metrics',
  openapi: '/v1/openapi.json',
  /** GET `?name=`; response {@link ResolveResponse}. */
  resolve: '/v1/resolve',
  /** GET `?glob=&after=`; response {@link ListResponse}. */
  list: '/v1/list',
  /** GET `?glob=&after=` and attributes; response {@link SearchResponse}. */
  search: '/v1/search',
  /** GET `?address=`; response {@link WhoisResponse}. */
  whois: '/v1/whois',
  /** GET. Response: {@link StatusResponse}. */
  status: '/v1/status',
  /** POST {@link DefineRequest}; response {@link ChangeResponse}. */
  define: '/v1/define',
  /** POST {@link LinkRequest}; response {@link ChangeResponse}. */
  link: '/v1/link',
  /** POST {@link DirectoryRequest}; response {@link DirectoryResponse}. */
  directory: '/v1/directory',
  /** POST {@link MoveRequest}; response {@link ChangeResponse}. */
  move: '/v1/move',
  /** POST {@link RemoveRequest}; response {@link ChangeResponse}. */
  remove: '/v1/remove',
  /** POST {@link CancelRequest}; response {@link ChangeResponse}. */
  cancel: '/v1/cancel',
  /** POST {@link RegisterRequest}; response {@link RegisterResponse}. */
  register: '/v1/register',
  /** POST {@link RenewRequest}; response {@link RenewResponse}. */
  renew: '/v1/renew',
  /** POST. Body: {@link ReportRequest}. Response: an empty object. */
  report: '/v1/report',
  /** POST {@link WithdrawRequest}; response {@link ChangeResponse}. */
  withdraw: '/v1/withdraw',
  /** POST. Body: {@link WatchRequest}. Response: an event stream of {@link WatchEvent}. */
  watch: '/v1/watch',
  /** POST. Body: {@link WatchEditRequest}. Response: an empty object. */
  watchEdit: '/v1/watch/edit',
  /** POST {@link LaunchRequest}; response {@link LaunchResponse}. */
  launch: '/v1/launch',
  /** POST {@link StopRequest}; response {@link StopResponse}. */
  stop: '/v1/stop',
  /** POST {@link ResetRequest}; response {@link LaunchResponse}. */
  reset: '/v1/reset',
  /** GET. Response: one {@link ExportLine} per line. */
  export: '/v1/export',
  /** POST. Query: {@link ImportOptions}. Body: one {@link ExportLine} per line. Response: {@link ImportResponse}. */
  import: '/v1/import',
  /** POST {@link EnrolRequest}; response {@link EnrolResponse}. */
  enroll: '/v1/enroll',
  /** POST {@link TicketRequest}; response {@link TicketResponse}. */
  tickets: '/v1/tickets',
  /** POST {@link TokenRequest}; response {@link TokenResponse}. */
  tokens: '/v1/tokens',
  /** GET `?principal=`; response {@link IdentitiesResponse}. */
  identities: '/v1/identities',
  /** POST {@link RevokeRequest}; response {@link RevokeResponse}. */
  revoke: '/v1/identities/revoke',
  /** POST {@link GroupRequest}; response {@link ChangeResponse}. */
  groups: '/v1/groups',
  /** GET `?path=`; response {@link AccessListResponse}. POST {@link AccessChangeRequest}; response {@link ChangeResponse}. */
  access: '/v1/acl',
  /** GET {@link AuditRequest}; response {@link AuditResponse}. */
  audit: '/v1/audit',
  /** GET `?principal=&path=&right=`; response {@link AccessExplainResponse}. */
  accessExplain: '/v1/acl/explain',
});
