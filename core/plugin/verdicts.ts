// What verdicts mean apart from any one hook: a failed plugin's, and how they read in a trace.
import { formatAddress } from '../message/address.ts'
import { replies } from '../message/reply.ts'
import { cleanReply } from './answers.ts'
import { type Told, told } from './ask.ts'
import type { Link } from './chains.ts'
import type { Admit, Discard, Verdict } from './contract.ts'
import type { HookName } from './hook-kinds.ts'

export const PASS: Verdict = { kind: 'pass' }

/** What a failed plugin's entry says its failure means. */
export function onFailure(link: Link<unknown>, hook: HookName): Verdict {
  if (link.onError === 'pass') return PASS
  if (link.onError === 'reject') return { kind: 'reject', reply: replies.checkFailed(), detail: 'a plugin failed' }
  if (hook === 'connect')
    return { kind: 'defer', reply: replies.checkUnavailable(), detail: 'a plugin failed', disconnect: true }
  return { kind: 'defer', reply: replies.filterFailed(), detail: 'a plugin failed' }
}

export const TOLD_PASS = told('pass')

export function toldVerdict(verdict: Verdict | Admit | Discard): Told {
  const { detail } = verdict
  switch (verdict.kind) {
    case 'pass':
      return detail === undefined ? TOLD_PASS : told('pass', detail)
    case 'discard':
      return told('discard', detail)
    case 'admit':
      if (verdict.rewrite) return told(`admit ${verdict.as} as ${formatAddress(verdict.rewrite)}`, detail)
      return told(verdict.as === 'local' ? 'admit local' : 'admit relay', detail)
    default:
      return told(verdict.kind, detail, verdict.reply)
  }
}

export function withCleanReply<V extends Verdict>(verdict: V): V {
  return verdict.kind === 'pass' ? verdict : { ...verdict, reply: cleanReply(verdict.reply) }
}
