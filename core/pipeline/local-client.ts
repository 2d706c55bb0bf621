// Hands a local program's message to the running server over its submit socket.
import { connect, type Socket } from 'node:net'

export interface LocalEnvelope {
  /** '' is the null reverse-path. */
  readonly sender: string
  readonly recipients: readonly string[]
  /** As sendmail's -N, -R and -V give them. */
  readonly notify: string | null
  readonly ret: string | null
  readonly envid: string | null
}

export type LocalAnswer =
  /** `refused`: why those recipients did not get it of which nobody could be told by mail. */
  | { readonly kind: 'sent'; readonly text: string; readonly refused: readonly string[] }
  | { readonly kind: 'refused'; readonly code: number; readonly text: string }
  /** Nobody listens. */
  | { readonly kind: 'down' }

/** `message` has CRLF line ends, the last of which may be missing, and is not dot-stuffed. */
export async function submitLocally(path: string, envelope: LocalEnvelope, message: Buffer): Promise<LocalAnswer> {
  return (await talk(path, (ask) => converse(ask, envelope, message))) ?? { kind: 'down' }
}

/** What the server says to each recipient of mail that is then not sent; null when nobody listens. */
export async function verifyLocally(
  path: string,
  sender: string,
  recipients: readonly string[],
): Promise<readonly LocalReply[] | null> {
  return talk(path, async (ask) => {
    const before = [await ask(null), await ask('EHLO localhost\r\n'), await ask(`MAIL FROM:<${sender}> SMTPUTF8\r\n`)]
    const trouble = before.find(({ code }) => code >= 400)
    if (trouble) return recipients.map(() => trouble)
    const replies: LocalReply[] = []
    for (const recipient of recipients) replies.push(await ask(`RCPT TO:<${recipient}>\r\n`))
    return replies
  })
}

type Ask = (command: string | Buffer | null) => Promise<LocalReply>

/** One connection; null when nobody listens. */
async function talk<T>(path: string, converse: (ask: Ask) => Promise<T>): Promise<T | null> {
  const socket = connect(path)
  const opened = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    socket.once('connect', () => resolve(null))
    socket.once('error', resolve)
  })
  if (opened) {
    if (opened.code === 'ENOENT' || opened.code === 'ECONNREFUSED' || opened.code === 'EACCES') return null
    throw opened
  }
  const replies = readReplies(socket)
  const ask: Ask = async (command) => {
    if (command !== null) socket.write(command)
    const next = await replies.next()
    return next.done ? { code: 421, text: 'the server closed the connection' } : next.value
  }
  try {
    const said = await converse(ask)
    await ask('QUIT\r\n')
    return said
  } finally {
    socket.destroy()
  }
}

export interface LocalReply {
  readonly code: number
  readonly text: string
}

async function converse(ask: Ask, envelope: LocalEnvelope, message: Buffer): Promise<LocalAnswer> {
  const refused = (reply: LocalReply): LocalAnswer => ({ kind: 'refused', ...reply })
  let reply = await ask(null)
  if (reply.code !== 220) return refused(reply)
  reply = await ask('EHLO localhost\r\n')
  // what is refused for good comes back to the sender by mail, as from any queue
  const report = / XREPORT( |$)/.test(reply.text) ? ' XREPORT' : ''
  const utf8 = /[^\u0000-\u007f]/.test(envelope.sender + envelope.recipients.join('')) ? ' SMTPUTF8' : ''
  const ret = envelope.ret ? ` RET=${/^h/i.test(envelope.ret) ? 'HDRS' : 'FULL'}` : ''
  const envid = envelope.envid ? ` ENVID=${xtext(envelope.envid)}` : ''
  reply = await ask(`MAIL FROM:<${envelope.sender}> BODY=8BITMIME${utf8}${ret}${envid}${report}\r\n`)
  if (reply.code !== 250) return refused(reply)
  const lost: LocalReply[] = []
  for (const recipient of envelope.recipients) {
    const notify = envelope.notify ? ` NOTIFY=${envelope.notify.toUpperCase()}` : ''
    reply = await ask(`RCPT TO:<${recipient}>${notify}\r\n`)
    if (reply.code === 250) continue
    lost.push({ ...reply, text: `<${recipient}>: ${reply.text}` })
    // for now nobody gets it: it can be sent again as a whole
    if (reply.code < 500) return refused(lost.at(-1)!)
  }
  if (lost.length === envelope.recipients.length) return refused(lost[0]!)
  reply = await ask('DATA\r\n')
  if (reply.code !== 354) return refused(reply)
  const stuffed = Buffer.from(message.toString('latin1').replace(/^\./gm, '..'), 'latin1')
  const end = message.length === 0 || message.subarray(-2).toString('latin1') === '\r\n' ? '.\r\n' : '\r\n.\r\n'
  reply = await ask(Buffer.concat([stuffed, Buffer.from(end)]))
  if (reply.code !== 250) return refused(reply)
  return { kind: 'sent', text: reply.text, refused: lost.map(({ text }) => text) }
}

async function* readReplies(socket: Socket): AsyncGenerator<LocalReply> {
  let rest = ''
  let lines: string[] = []
  for await (const chunk of socket) {
    rest += String(chunk)
    for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
      const line = rest.slice(0, end)
      rest = rest.slice(end + 2)
      lines.push(line.slice(4))
      if (line[3] === '-') continue
      yield { code: Number(line.slice(0, 3)), text: lines.join(' ') }
      lines = []
    }
  }
}

/** RFC 3461 §4 xtext. */
const xtext = (text: string): string =>
  text.replace(
    /[^\x21-\x2a\x2c-\x3c\x3e-\x7e]/g,
    (c) => `+${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
