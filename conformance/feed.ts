// Hands messages in over SMTP or LMTP, so that a maildrop or mailbox has what the cases need.
import { Blocked } from './judgement.ts'
import { Smtp } from './smtp/client.ts'
import type { Context, Target } from './types.ts'
import { Transcript, Wire } from './wire.ts'

/** Sends each text (header and body, lines ended by CRLF, dots not yet doubled) to the target's recipient. Throws Blocked. */
export async function feed(context: Context, texts: readonly string[]): Promise<void> {
  const { feed: url, consent } = context.target
  if (url === null) throw new Blocked('there is no --feed to hand messages in')
  if (!consent.includes('mail')) throw new Blocked('handing messages in needs consent to mail (--consent mail)')
  const [, protocol, host, port] = /^(smtp|lmtp):\/\/([^/:]+):(\d+)$/.exec(url)!
  const target: Target = { ...context.target, host: host!, port: Number(port), tls: 'none' }
  const over = new AbortController()
  const wire = await Wire.connect({ target, number: 1, transcript: new Transcript(), signal: over.signal })
  try {
    const s = new Smtp(wire)
    await s.reply('the connection')
    await s.ehlo(protocol === 'lmtp' ? 'LHLO' : 'EHLO')
    for (const text of texts) {
      await s.mail(s.has('8BITMIME') ? ' BODY=8BITMIME' : '')
      await s.rcpt()
      await s.data()
      await wire.write(`${text.replace(/^\./gm, '..')}.\r\n`)
      await s.expect('the end of the message', '250')
    }
    await s.send('QUIT')
  } catch (thrown) {
    throw new Blocked(`handing a message in at ${url}: ${(thrown as Error).message}`)
  } finally {
    wire.destroy()
  }
}
