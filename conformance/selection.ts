// Which cases of a suite are run: by id, section, level and consent.
import type { CaseFacts, Consent, Level, Target } from './types.ts'

export interface Selection {
  /** Ids, parts of ids at a slash, patterns with `*`, or sections (`RFC 5321 §4.1`); none selects all. */
  readonly filter?: readonly string[]
  readonly exclude?: readonly string[]
  /** `should` also takes must, `may` takes all (the default). */
  readonly level?: Level
}

const RANK: { readonly [level in Level]: number } = { must: 0, should: 1, may: 2 }

export function select<C extends CaseFacts>(cases: readonly C[], selection: Selection): C[] {
  const { filter = [], exclude = [], level = 'may' } = selection
  return cases.filter(
    (one) =>
      RANK[one.level] <= RANK[level] &&
      (filter.length === 0 || filter.some((pattern) => matches(one, pattern))) &&
      !exclude.some((pattern) => matches(one, pattern)),
  )
}

/** `smtp/data` is every case below it; `*` stands for anything within one part; `RFC 5321 §4.1` is that section and those below. */
export function matches({ id, rfc }: CaseFacts, pattern: string): boolean {
  if (/^rfc ?\d+/i.test(pattern)) {
    const [wanted, has] = [pattern, rfc].map((text) => text.toLowerCase().replaceAll(' ', ''))
    return has === wanted || has!.startsWith(`${wanted}§`) || has!.startsWith(`${wanted}.`)
  }
  const parts = pattern.split('/').filter((part) => part !== '')
  const own = id.split('/')
  return parts.length <= own.length && parts.every((part, i) => glob(part).test(own[i]!))
}

const glob = (part: string): RegExp =>
  new RegExp(`^${part.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`)

/** Why a case cannot be run with what the target gives; null when it can. */
export function hindrance({ needs = {} }: CaseFacts, target: Target): string | null {
  if (needs.account && (target.user === null || target.password === null))
    return 'needs an account (--user, --password)'
  if (needs.recipient && target.rcpt === null) return 'needs a recipient (--rcpt)'
  if (needs.dns && target.dns === null) return "needs the runner's name server to be asked (--dns)"
  if (needs.retry && target.retryMs === null) return 'needs to see another attempt (--retry-wait)'
  const missing = (needs.consent ?? []).filter((kind: Consent) => !target.consent.includes(kind))
  return missing.length > 0 ? `needs consent to ${missing.join(', ')} (--consent)` : null
}
