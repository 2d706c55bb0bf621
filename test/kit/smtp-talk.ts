// An SMTP client for tests that looks at every reply: one command, one whole reply.
import { Talker } from './talker.ts'

export interface Letter {
  readonly from?: string
  readonly to: string | readonly string[]
  /** Header and body, CRLF line ends, dots stuffed already. */
  readonly text?: string
}

export class SmtpTalk {
  readonly talker: Talker
  private constructor(talker: Talker) {
    this.talker = talker
  }

  /** Greeted and greeting. */
  static async open(port: number, options: { tls?: boolean } = {}): Promise<SmtpTalk> {
    const talk = new SmtpTalk(await Talker.connect(port, options))
    await talk.reply()
    await talk.ask('EHLO client.test')
    return talk
  }

  /** The next reply, its lines joined by LF; `<closed>` when there is none. */
  async reply(): Promise<string> {
    const lines: string[] = []
    for (;;) {
      const line = await this.talker.line()
      if (line === null) return [...lines, '<closed>'].join('\n')
      lines.push(line)
      if (line[3] !== '-') return lines.join('\n')
    }
  }

  ask(line: string): Promise<string> {
    this.talker.send(`${line}\r\n`)
    return this.reply()
  }

  /** The first reply that is no success, or the one to the message. */
  async send({ from = 'client@away.test', to, text = 'Subject: x\r\n\r\nbody\r\n' }: Letter): Promise<string> {
    for (const line of [`MAIL FROM:<${from}>`, ...[to].flat().map((one) => `RCPT TO:<${one}>`), 'DATA']) {
      const answer = await this.ask(line)
      if (!/^[23]/.test(answer)) return answer
    }
    return this.ask(`${text}.`)
  }

  close(): void {
    this.talker.close()
  }
}

/** The queue id of a reply that accepted; throws for any other. */
export function queuedAs(reply: string): string {
  const id = /^250 2\.0\.0 OK queued as (\w+)$/.exec(reply)?.[1]
  if (!id) throw new Error(`not queued: ${reply}`)
  return id
}
