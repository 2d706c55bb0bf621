// Sends octets by SMTP exactly as they are, dots stuffed: for messages that no mail program would write.
import { once } from 'node:events'
import { connect } from 'node:net'

export interface RawMail {
  readonly port: number
  readonly from: string
  readonly to: string
  readonly message: Buffer
}

/** One message on one connection; resolves with the reply to it, throws at any earlier refusal. */
export async function sendRaw({ port, from, to, message }: RawMail): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const reply = replyReader(socket)
  const expect = async (code: string) => {
    const text = await reply()
    if (!text.startsWith(code)) throw new Error(`expected ${code}, got ${text}`)
    return text
  }
  try {
    await expect('220')
    for (const [command, code] of [
      ['EHLO client.test', '250'],
      [`MAIL FROM:<${from}>`, '250'],
      [`RCPT TO:<${to}>`, '250'],
      ['DATA', '354'],
    ] as const) {
      socket.write(`${command}\r\n`)
      await expect(code)
    }
    socket.write(stuffDots(message))
    const last = await reply()
    socket.end('QUIT\r\n')
    return last
  } finally {
    socket.destroySoon()
  }
}

/** Dots at the start of a line doubled, the end of data added (RFC 5321 §4.5.2). */
export function stuffDots(message: Buffer): Buffer {
  const text = message.toString('latin1').replace(/(^|\r\n)\./g, '$1..')
  return Buffer.from(`${text}${text === '' || text.endsWith('\r\n') ? '' : '\r\n'}.\r\n`, 'latin1')
}

/** Gives one whole reply a call. */
function replyReader(socket: NodeJS.ReadableStream): () => Promise<string> {
  let buffer = ''
  socket.on('data', (chunk: Buffer) => {
    buffer += chunk.toString('latin1')
  })
  return async () => {
    for (;;) {
      const end = /^\d{3}(?: .*)?\r\n/m.exec(buffer)
      if (end) {
        const text = buffer.slice(0, end.index + end[0].length)
        buffer = buffer.slice(text.length)
        return text.trimEnd()
      }
      await once(socket, 'data')
    }
  }
}
