// Deviations of a sender that no case can call wrong: another reading allows them, or they look like what is right.

/** By the name of the fault: ids of cases without `smtp-client/`. */
export const unnoticedSenderFaults: { readonly [name: string]: readonly string[] } = {
  // a connection that is kept for one domain looks the same
  'equal-once-for-all': ['hosts/equal-preference'],
  // RFC 6409 §8: who hands in may be a user, for whom the server takes it off
  'header-bcc': ['data/header'],
  // RFC 6531 §3.4: a client need not know that what came as SMTPUTF8 could go without
  'smtputf8-as-it-came': ['utf8/only-needed'],
  // RFC 5321 §4.3.2: the first digit of an unknown code counts
  'text-after-3yz': ['data/only-354'],
  // RFC 5321 §4.2: a greeting has a domain
  'wants-text-to-greeting': ['replies/bare'],
  // RFC 5321 §4.4: the clause may be left out
  'with-none': ['received/with'],
}
