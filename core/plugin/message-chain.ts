// The message hooks in order: each sees the header, body and score that those before it left, all together have 120 s.
import { Failure } from '../base/failure.ts'
import type { MessageContent, SpooledBody } from '../message/content.ts'
import { editHeader, withHeader } from '../message/edit-header.ts'
import { encodeFieldValue } from '../message/encoded-word.ts'
import { type HeaderField, type HeaderView, parseHeader } from '../message/header.ts'
import { checkMessageAnswer, isBody } from './answers.ts'
import { type AskDeps, type Asked, NO_EDITS, type Question, Round, type Told, told } from './ask.ts'
import type { Link } from './chains.ts'
import type { Answer, Defer, Discard, HeaderEdit, MessageAnswer, MessageFacts, Reject, Verdict } from './contract.ts'
import type { MessageDecision } from './generation.ts'
import { MESSAGE_HOOKS_TIMEOUT } from './hook-kinds.ts'
import { onFailure, TOLD_PASS, toldVerdict, withCleanReply } from './verdicts.ts'

type MessageRun = (message: MessageFacts, signal: AbortSignal) => Answer<MessageAnswer>
type Refusal = Reject | Defer | Discard

/** How far a message has come. */
interface State {
  facts: MessageFacts
  all: Refusal | null
  readonly perRecipient: (Refusal | null)[]
  quarantine: string | null
  readonly original: SpooledBody
}

/** An answer with its edits applied, so that a bad edit counts as the plugin's failure. */
interface Applied {
  readonly answer: MessageAnswer
  readonly content: MessageContent
}

export function runMessageChain(
  asks: AskDeps,
  chain: readonly Link<MessageRun>[],
  hook: 'message' | 'queued',
  facts: MessageFacts,
): MessageDecision | Promise<MessageDecision> {
  const { session, content, recipients } = facts
  const about = { hook, sid: session.id, tid: facts.id, qid: facts.queueId, rcpt: undefined }
  const round = new Round(asks, about, session.service, session.identity !== null, MESSAGE_HOOKS_TIMEOUT)
  const state: State = {
    facts,
    all: null,
    perRecipient: recipients.map(() => null),
    quarantine: null,
    original: content.body,
  }
  const decided = round.through(
    chain,
    APPLIED,
    (run, signal) => {
      const shown = state.facts
      const answer = run(shown, signal)
      return answer instanceof Promise ? answer.then((late) => applied(shown, late)) : applied(shown, answer)
    },
    (asked, link) => {
      take(state, asked, link, hook)
      return isDecided(state) ? state : null
    },
  )
  return decided instanceof Promise ? decided.then(() => decisionOf(state)) : decisionOf(state)
}

const isDecided = ({ all, perRecipient }: State): boolean =>
  all !== null || (perRecipient.length > 0 && perRecipient.every((verdict) => verdict !== null))

const decisionOf = ({ facts, all, perRecipient, quarantine }: State): MessageDecision => ({
  all,
  perRecipient,
  content: facts.content,
  quarantine,
  score: facts.score,
})

const APPLIED: Question<Applied> = {
  check: () => null,
  told: ({ answer }) => toldAnswer(answer),
  unused: ({ answer }) => answer.body?.release(),
}

function applied(facts: MessageFacts, answer: MessageAnswer): Applied | Promise<Applied> {
  const header = checkedHeader(facts, answer)
  if (!answer.body) return { answer, content: header ? withHeader(facts.content, header) : facts.content }
  return replacedBody(answer.body, header ?? facts.content.header).then((content) => ({ answer, content }))
}

/** The edited header, null when it stays; an answer that is no good gives back its body. */
function checkedHeader(facts: MessageFacts, answer: MessageAnswer): Buffer | null {
  try {
    const wrong = checkMessageAnswer(answer, facts.recipients.length)
    if (wrong !== null) throw new Error(wrong)
    return editedHeader(facts, answer)
  } catch (error) {
    if (isBody(answer?.body)) answer.body.release()
    throw error
  }
}

function editedHeader(facts: MessageFacts, { add, append, remove }: MessageAnswer): Buffer | null {
  if (!add?.length && !append?.length && !remove?.length) return null
  const isRemoved = (field: HeaderField): boolean =>
    remove?.some(
      ({ name, where }) => name.toLowerCase() === field.name.toLowerCase() && (where?.(field.value) ?? true),
    ) ?? false
  const { smtputf8 } = facts.parameters
  const fitting = (edits: readonly HeaderEdit[]): readonly HeaderEdit[] =>
    smtputf8 ? edits : edits.map(({ name, value }) => ({ name, value: encodeFieldValue(name, value) }))
  return editHeader(facts.content.header, facts.header, {
    ...(add ? { add: fitting(add) } : {}),
    ...(append ? { append: fitting(append) } : {}),
    ...(remove?.length ? { remove: isRemoved } : {}),
  })
}

async function replacedBody(body: SpooledBody, header: Buffer): Promise<MessageContent> {
  for await (const chunk of body.chunks(0, Math.min(2, body.size))) {
    if (chunk.length === 2 && chunk[0] === 13 && chunk[1] === 10)
      return { header, body, bodyStart: 0, size: header.length + body.size }
  }
  body.release()
  throw new Error('a new body must begin with the empty line (CRLF) that parts it from the header')
}

function take(state: State, asked: Asked<Applied>, link: Link<unknown>, hook: 'message' | 'queued'): void {
  if (asked instanceof Failure) {
    const verdict = onFailure(link, hook)
    if (verdict.kind !== 'pass') state.all = verdict
    return
  }
  const { answer, content } = asked
  const { facts } = state
  if (content.body !== facts.content.body && facts.content.body !== state.original) facts.content.body.release()
  if (content !== facts.content || answer.score) {
    const header: HeaderView = content.header === facts.content.header ? facts.header : parseHeader(content.header)
    state.facts = { ...facts, content, header, size: content.size, score: facts.score + (answer.score ?? 0) }
  }
  state.all = refusal(answer.all)
  if (answer.perRecipient)
    for (const [index, verdict] of answer.perRecipient) state.perRecipient[index] ??= refusal(verdict)
  if (answer.quarantine !== undefined) state.quarantine ??= answer.quarantine
}

const refusal = (verdict: Verdict | Discard | undefined): Refusal | null => {
  if (verdict === undefined || verdict.kind === 'pass') return null
  return verdict.kind === 'discard' ? verdict : withCleanReply(verdict)
}

/** What the trace says of an answer: its verdict first, then what else it did. */
function toldAnswer(answer: MessageAnswer): Told {
  const { all, perRecipient, add, append, remove, body, score, quarantine, detail } = answer
  const verdict = all ? toldVerdict(all) : perRecipient?.size ? told('per recipient') : TOLD_PASS
  const did: string[] = []
  if (detail ?? all?.detail) did.push((detail ?? all?.detail)!)
  if (quarantine !== undefined) did.push(`quarantine: ${quarantine}`)
  if (score) did.push(`score ${score > 0 ? '+' : ''}${score}`)
  if (remove?.length) did.push(`removes ${remove.map(({ name }) => name).join(', ')}`)
  if (body) did.push(`new body of ${body.size} octets`)
  if (perRecipient)
    for (const [index, one] of [...perRecipient].slice(0, 20))
      did.push(`recipient ${index}: ${toldVerdict(one).verdict}`)
  const edits = add || append ? [...(add ?? []), ...(append ?? [])] : NO_EDITS
  if (did.length === 0 && edits.length === 0) return verdict
  const shown = quarantine !== undefined && verdict.verdict === 'pass' ? 'quarantine' : verdict.verdict
  return told(shown, did.join('; '), verdict.reply, edits)
}
