// A client that hands numbered messages in and remembers which were acknowledged, and the reading of mailboxes that checks them.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { createRandom } from '../kit/random.ts'
import { Talker } from '../kit/talker.ts'

export const DOMAIN = 'crash.test'
export const USERS = ['ana', 'paco', 'rosa', 'leo'] as const
/** The alias `list`. */
export const LIST: readonly string[] = ['ana', 'rosa', 'leo']

export interface Sent {
  readonly n: number
  /** Users in whose mailboxes it belongs. */
  readonly users: readonly string[]
  /** From the 250; null when none was heard. */
  queueId: string | null
}

type Random = ReturnType<typeof createRandom>

/** Sends until the connection breaks. Never rejects. */
export async function sendUntilCut(
  port: number,
  random: Random,
  sent: Map<number, Sent>,
  heard: () => void,
): Promise<void> {
  let talker: Talker | null = null
  try {
    talker = await Talker.connect(port)
    await reply(talker)
    talker.send('EHLO client.test\r\n')
    await reply(talker)
    for (;;) {
      await sendOne(talker, random, sent)
      heard()
    }
  } catch {
    // cut: what was under way is not acknowledged
  } finally {
    talker?.close()
  }
}

async function sendOne(talker: Talker, random: Random, sent: Map<number, Sent>): Promise<void> {
  const n = sent.size
  const toList = random() < 0.2
  const one = USERS[Math.floor(random() * USERS.length)]!
  const users = toList ? LIST : random() < 0.3 ? USERS : [one]
  const large = random() < 0.2
  const entry: Sent = { n, users, queueId: null }
  sent.set(n, entry)
  const to = toList ? ['list'] : users
  talker.send(
    ['MAIL FROM:<client@away.test>', ...to.map((user) => `RCPT TO:<${user}@${DOMAIN}>`), 'DATA', ''].join('\r\n'),
  )
  for (let i = 0; i < to.length + 2; i++) await reply(talker)
  talker.send(message(n, large ? 135_000 + Math.floor(random() * 200_000) : Math.floor(random() * 4000)))
  const last = await reply(talker)
  const id = /^250 2\.0\.0 OK queued as (\w+)$/.exec(last)?.[1]
  if (!id) throw new Error(last)
  entry.queueId = id
}

function message(n: number, size: number): string {
  const lines: string[] = []
  for (let length = 0, i = 0; length < size; i++) {
    const line = `${n} ${i} ${'.'.repeat(i % 70)}`
    lines.push(line)
    length += line.length + 2
  }
  const body = lines.map((line) => `${line}\r\n`).join('')
  return `From: client@away.test\r\nSubject: ${n}\r\nX-Sum: ${sumOf(body)}\r\n\r\n${body}.\r\n`
}

/** Of the text whatever its line ends. */
const sumOf = (body: string): string => createHash('sha256').update(body.replaceAll('\r\n', '\n')).digest('hex')

/** The last line of a reply; throws when the server has gone or refuses. */
async function reply(talker: Talker): Promise<string> {
  for (;;) {
    const line = await talker.line()
    if (line === null) throw new Error('cut')
    if (line[3] === '-') continue
    if (!/^[23]/.test(line)) throw new Error(line)
    return line
  }
}

export interface Found {
  readonly n: number
  readonly queueId: string
}

/** Everything in a user's INBOX; throws for a message that is not whole. */
export function readInbox(data: string, user: string): Found[] {
  const mailbox = join(data, 'mail', DOMAIN, user)
  return ['new', 'cur'].flatMap((folder) => {
    const path = join(mailbox, folder)
    return existsSync(path) ? readdirSync(path).map((file) => readFound(join(path, file))) : []
  })
}

function readFound(path: string): Found {
  const text = readFileSync(path, 'latin1').replaceAll('\r\n', '\n')
  const end = text.indexOf('\n\n')
  const header = text.slice(0, end)
  const sum = /^X-Sum: (.*)$/m.exec(header)?.[1]
  if (end < 0 || sum !== sumOf(text.slice(end + 2))) throw new Error(`${path} is not whole`)
  return { n: Number(/^Subject: (\d+)$/m.exec(header)![1]), queueId: /\bid (\w{16})\b/.exec(header)![1]! }
}
