/**
 * The last sentences of a warning about an older copy of a secured registry: which changes of keys and rights the
 * copy undoes.
 *
 * @see [decision 103](../../../docs/decisions/103-restored-keys-and-rights.md)
 */
export const restoredAccessWarning =
  'Keys that were revoked or replaced since the copy was made are valid again, and so are rights and memberships of groups that were removed. Unused tokens were cancelled. Compare clerk identity ls, clerk acl ls and clerk group ls with the audit log from before, and revoke and remove again';
