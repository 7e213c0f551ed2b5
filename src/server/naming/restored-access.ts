/**
 * What an older copy of the data undoes in a secured registry; the last sentences of a warning.
 *
 * @see [decision 103](../../../docs/decisions/103-restored-keys-and-rights.md)
 */
export const restoredAccessWarning =
  'Keys that were revoked or replaced since the copy was made are valid again, and so are rights and memberships of groups that were removed. Unused tokens were cancelled. Compare clerk identity ls, clerk acl ls and clerk group ls with the audit log from before, and revoke and remove again';
