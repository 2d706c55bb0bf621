// What a fault of a sending MTA is, and the small changes of behaviour that most faults consist of.
import { type Result, type Step, textOf } from './reference/sender-client.ts'
import type { Deviation, Scene } from './reference/sender-deviation.ts'
import { type Message, splitText } from './reference/sender-mail.ts'
import { toReply } from './reference/sender-talk.ts'

export interface SenderFault {
  /** What a sender that has it does wrong. */
  readonly wrong: string
  readonly rfc: string
  /** Made anew for each run where it has a memory. */
  readonly does: Deviation | (() => Deviation)
  /** It is shown by a sender that keeps connections open for further messages. */
  readonly keeps?: true
  /** Cases that must see it. */
  readonly proves: readonly string[]
}

export type SenderFaults = { readonly [name: string]: SenderFault }

/** A fault in a line; ids of cases without `smtp-client/`, between spaces. */
export const senderFault = (
  wrong: string,
  rfc: string,
  does: SenderFault['does'],
  proves: string,
  more: Pick<SenderFault, 'keeps'> = {},
): SenderFault => ({
  wrong,
  rfc: `RFC ${rfc}`,
  does,
  ...more,
  proves: proves.split(' ').map((id) => `smtp-client/${id}`),
})

type Replacement = string | ((...match: string[]) => string)
type When = (scene: Scene) => boolean
const always: When = () => true

/** Command lines with their CRLF are rewritten. */
export const says = (pattern: RegExp, replacement: Replacement, when: When = always): Deviation => ({
  command: (line, scene) => (when(scene) ? line.replace(pattern, replacement as string) : line),
})

/** Other commands go before a matching one. */
export const saysFirst = (pattern: RegExp, first: string, when: When = always): Deviation => ({
  command: (line, scene) => (pattern.test(line) && when(scene) ? [`${first}\r\n`, line] : line),
})

/** Replies to matching commands, of matching text, are taken for another one. */
export const takes = (command: RegExp, reply: RegExp, as: string): Deviation => ({
  reply: (heard, to) => (command.test(to) && reply.test(heard.lines.join('\n')) ? toReply([as]) : heard),
})

/** The reply to a matching command is not waited for, or not for long, and then supposed. */
export const supposes = (command: RegExp, then: string, ms = 0): Deviation => ({
  waits: (to) => (command.test(to) ? { ms, supposed: then } : null),
})

export const impatient = (command: RegExp, ms: number): Deviation => ({
  waits: (to) => (command.test(to) ? { ms, supposed: null } : null),
})

/** A step is taken in the place of another. */
export const steps = (
  after: Step | null,
  proper: Step,
  instead: Step,
  when: (scene: Scene) => boolean = always,
): Deviation => ({
  next: (step, last, scene) => (step === proper && (after === null || after === last) && when(scene) ? instead : step),
})

/** Matching results are of another kind: `sent` is forgotten. */
export const ends = (which: (result: Result, scene: Scene) => boolean, kind: Result['kind']): Deviation => ({
  results: (results, scene) => results.map((result) => (which(result, scene) ? { ...result, kind } : result)),
})

const verb = (command: string): string => command.split(' ')[0]!

/** What the last reply was to, QUIT aside; `greeting` and `text` among the verbs. */
export const lastHeard = ({ heard }: Scene): string => verb(heard.findLast(({ to }) => to !== 'QUIT')?.to ?? '')

/** Whether the last reply was a refusal of this command. */
export const refusedAt =
  (name: string): When =>
  (scene) => {
    const { code } = scene.heard.findLast(({ to }) => to !== 'QUIT')?.reply ?? { code: 0 }
    return lastHeard(scene) === name && code >= 400
  }

/** Whether the result is the reply to this command. */
export const settledAt =
  (name: string) =>
  ({ reply }: Result, { heard }: Scene): boolean =>
    verb(heard.find((one) => `${one.reply.lines[0]!.slice(0, 3)} ${textOf(one.reply)}` === reply)?.to ?? '') === name

/** Whether the connection was lost when this had been the last to be answered. */
export const lostBehind =
  (name: string) =>
  ({ reply }: Result, scene: Scene): boolean =>
    reply.startsWith('451 4.4.2') && lastHeard(scene) === name

/** Addresses of a message are rewritten when it is queued. */
export const queuesFrom = (change: (path: string) => string): Deviation => ({
  queues: (message) => ({ ...message, from: change(message.from) }),
})
export const queuesTo = (change: (path: string) => string): Deviation => ({
  queues: (message) => ({
    ...message,
    recipients: message.recipients.map((one) => ({ ...one, path: change(one.path) })),
  }),
})

/** The message is rewritten when it is queued: the header has our Received field then. */
export const queuesHeader = (change: (header: string, message: Message) => string): Deviation => ({
  queues: (message) => {
    const { header, body } = splitText(message.text)
    return { ...message, text: `${change(header, message)}\r\n${body}` }
  },
})
export const queuesBody = (change: (body: string) => string): Deviation => ({
  queues: (message) => {
    const { header, body } = splitText(message.text)
    return { ...message, text: `${header}\r\n${change(body)}` }
  },
})

/** The text of reports is rewritten. */
export const reportsText = (pattern: RegExp, replacement: Replacement): Deviation => ({
  report: (report) => ({ ...report, text: report.text.replace(pattern, replacement as string) }),
})

/** Whether a report tells that somebody's mail was `failed`, `delayed` or `relayed`. */
export const isAbout = ({ text }: Message, action: string): boolean => new RegExp(`^Action: ${action}`, 'm').test(text)

export const isReport = ({ message }: Pick<Scene, 'message'>): boolean => message.id.endsWith('r')

export const codeOf = ({ reply }: Result): number => Number(reply.slice(0, 3))
