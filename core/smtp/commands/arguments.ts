// Small readings of arguments that MAIL and RCPT share.
import type { Site } from '../../config/site.ts'
import type { Address } from '../../message/address.ts'
import type { SmtpSession } from '../session.ts'

/** What stands behind `FROM:` or `TO:` in any letter case; white space there is tolerated. null: another word. */
export const afterKeyword = (args: string, keyword: string): string | null =>
  args.slice(0, keyword.length).toUpperCase() === keyword ? args.slice(keyword.length).trimStart() : null

/** What completes an address without a domain: the site's own programs, machines and users may write it so. */
export const originFor = ({ role, facts, generation }: SmtpSession): string | null =>
  role.completes || facts.trusted ? generation.site.origin : null

/** What the site's own machines send to or from `localhost` is the site's, as a name without a domain is. */
export const atSite = (address: Address | null, { domains, origin }: Site): Address | null =>
  address?.domain === 'localhost' && !domains.includes('localhost') ? { ...address, domain: origin } : address

/** RFC 6531 §3.4: neither part of a mailbox may leave ASCII without SMTPUTF8, not even a domain that has A-labels. */
export const needsUtf8Parameter = (address: Address | null): boolean =>
  address !== null && /[^\u0000-\u007f]/.test(address.original)
