// What verdicts mean apart from any one hook: a failed plugin's, how they read in a trace, whom an entry concerns.
import { formatAddress } from '../message/address.ts'
import { replies } from '../message/reply.ts'
import { cleanReply } from './answers.ts'
import type { Told } from './ask.ts'
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

const TOLD_PASS: Told = { verdict: 'pass' }

export function toldVerdict(verdict: Verdict | Admit | Discard): Told {
  const { detail } = verdict
  if (verdict.kind === 'pass' && detail === undefined) return TOLD_PASS
  if (verdict.kind === 'reject' || verdict.kind === 'defer')
    return { verdict: verdict.kind, detail, reply: verdict.reply }
  if (verdict.kind !== 'admit') return { verdict: verdict.kind, detail }
  const rewritten = verdict.rewrite ? ` as ${formatAddress(verdict.rewrite)}` : ''
  return { verdict: `admit ${verdict.as}${rewritten}`, detail }
}

/** Whether a plugin's entry wants to hear of this session. */
export const concerns = (link: Link<unknown>, service: string, authenticated: boolean): boolean =>
  (link.listeners === null || link.listeners.has(service)) &&
  (link.authenticated === null || link.authenticated === authenticated)

export function withCleanReply<V extends Verdict>(verdict: V): V {
  return verdict.kind === 'pass' ? verdict : { ...verdict, reply: cleanReply(verdict.reply) }
}
