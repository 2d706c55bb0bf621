// What follows from the results: the verdict that the site's settings and the author domain's policy ask for, and the score.
import { defer, type MessageAnswer, reject, replies } from 'estafeta/plugin'
import type { ARCResult, DKIMResult, DMARCResult, SPFResult } from 'mailauth'
import type { Config } from './config.ts'

/** From mild to severe; an author domain's policy is applied up to the site's own limit. */
const SEVERITY = ['none', 'quarantine', 'reject'] as const
type Severity = (typeof SEVERITY)[number]

export interface Results {
  readonly spf: SPFResult
  readonly dkim: readonly DKIMResult[]
  readonly arc: ARCResult
  /** False when there is not one author domain; `skipped` says why. */
  readonly dmarc: DMARCResult | false
  readonly skipped: string | undefined
}

/** `method=result` words for notes and trace. */
export function summary({ spf, dkim, dmarc, arc, skipped }: Results): string[] {
  const signatures = dkim.map((r) => `dkim=${r.status.result}${r.signingDomain ? ` (${r.signingDomain})` : ''}`)
  const policy = dmarc && dmarc.status.result !== 'none' ? `p=${dmarc.policy}` : ''
  const why = policy || skipped
  return [
    `spf=${spf.status.result}`,
    ...signatures,
    `arc=${arc.status.result}`,
    `dmarc=${dmarc ? dmarc.status.result : 'none'}${why ? ` (${why})` : ''}`,
  ]
}

/** A check could not be finished, so a failure may be none (RFC 7208 §2.6.6, RFC 9989 §5.3). */
export const isUnsure = ({ spf, dkim, dmarc }: Results): boolean =>
  spf.status.result === 'temperror' ||
  dkim.some((r) => r.status.result === 'temperror') ||
  (dmarc && isTemporary(dmarc.status.result))

const isTemporary = (result: string) => result === 'temperror' || result === 'temperr'

export function scoreOf({ spf, dkim, dmarc }: Results, scores: Config['scores']): number {
  let score = 0
  if (spf.status.result === 'fail') score += scores.spfFail
  if (spf.status.result === 'softfail') score += scores.spfSoftfail
  const signatures = dkim.filter((r) => r.status.result !== 'none')
  if (signatures.length > 0 && signatures.every((r) => r.status.result !== 'pass')) score += scores.dkimFail
  if (dmarc && dmarc.status.result === 'fail') score += scores.dmarcFail
  return score
}

/** The verdict; empty when the message may go on. */
export function verdictOf(results: Results, config: Config): Pick<MessageAnswer, 'all' | 'quarantine'> {
  const { dmarc } = results
  const failed = dmarc !== false && dmarc.status.result === 'fail'
  const action = failed ? milder(dmarc.policy, config.enforce) : 'none'
  const unsure = isUnsure(results)
  if (unsure && (action !== 'none' || config.onTemperror === 'defer'))
    return { all: defer(replies.lookupFailed(), 'authentication could not be checked for now') }
  if (action === 'none' || dmarc === false) return {}
  const detail = `DMARC policy of ${dmarc.policyDomain ?? dmarc.domain}: ${dmarc.policy}`
  if (action === 'quarantine') return { quarantine: detail }
  const from = dmarc.status.header?.from ?? dmarc.domain
  return {
    all: reject(
      replies.authenticationPolicy(
        `Unauthenticated mail from ${printable(from)} is not accepted due to its DMARC policy`,
      ),
      detail,
    ),
  }
}

const milder = (policy: string, limit: Severity): Severity => {
  const asked = SEVERITY.indexOf(policy as Severity)
  return SEVERITY[Math.min(Math.max(asked, 0), SEVERITY.indexOf(limit))]!
}

export const printable = (text: string): string => text.replace(/[^\x21-\x7e]/g, '').slice(0, 255)
