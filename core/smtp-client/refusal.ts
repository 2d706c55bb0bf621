// What it means for the mails that a server refuses to go on before the first of them.
import type { Reply } from '../base/failure.ts'
import { replies, replyLine } from '../message/reply.ts'

export type RefusedStep = 'greeting' | 'hello' | 'tls' | 'auth' | 'loop' | 'unasked'

/** But for a loop always temporary, whatever the code says: another host or another time may do (RFC 5321 §4.2.4.2). */
export function refusalBeforeMail(step: RefusedStep, reply: Reply, relay: string): Reply {
  const said = replyLine(reply)
  if (step === 'loop') return replies.mailLoop(`${relay} is this server itself: it answers to our name`)
  if (step === 'auth') return replies.remoteAuthFailed(`${relay} said: ${said}`)
  if (step === 'tls') {
    const why = reply.code < 300 ? 'offers no STARTTLS' : `refused STARTTLS: ${said}`
    return replies.tlsFailed(`${relay} ${why}`)
  }
  const code = reply.code >= 500 ? reply.code - 100 : reply.code >= 400 ? reply.code : 450
  const enhanced = reply.enhanced === null ? '4.4.0' : `4${reply.enhanced.slice(1)}`
  return { code, enhanced, text: `${relay} refused to talk: ${said}` }
}
