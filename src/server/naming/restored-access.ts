/**
 * The last sentences of a warning about an older copy of a secured registry. They state which changes of keys and
 * rights the copy undoes.
 *
 * @see [decision 103](../../../docs/decisions/103-restored-keys-and-rights.md)
 */
export const restoredAccessWarning =
  'Keys that were revoked or replaced since the copy was made are valid again. Rights and group memberships that were removed since then are in effect again. Unused tokens were cancelled. To find these keys, rights and memberships, compare clerk identity ls, clerk acl ls and clerk group ls with the audit log, and revoke or remove them again';
