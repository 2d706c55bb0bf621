// Every dialogue of this folder, played whole, octet by octet, and over Maildirs instead of memory.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { memoryContent } from '../../../core/message/content.ts'
import { parseDialogue, play, settings } from '../../kit/imap-dialogue.ts'
import { type ImapServer, sampleMessage, startImapServer } from '../../kit/imap-server.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const names = readdirSync(folder).filter((name) => name.endsWith('.txt'))

/** `@messages n` fills INBOX; `@mime` puts a nested message there, all known of before, but with `@recent`; `@limit n` bounds messages, `@quota n` the account. */
async function prepare(text: string, maildir: boolean): Promise<ImapServer> {
  const wanted = settings(text)
  const limit = Number(wanted.get('limit') ?? 100_000)
  const server = await startImapServer({ site: { limits: limits(limit, Number(wanted.get('quota') ?? 0)) }, maildir })
  const account = await server.store.account('ana@example.com')
  const inbox = await account.open('INBOX')
  const messages = Array.from({ length: Number(wanted.get('messages') ?? 0) }, (_, i) => sampleMessage(i + 1))
  if (wanted.has('mime')) messages.push(readFileSync(`${folder}nested.eml`))
  for (const [i, message] of messages.entries()) {
    const content = memoryContent(Buffer.from(message.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1'))
    await inbox.append([{ content, flags: [], internalDate: Date.UTC(2026, 0, i + 1, 12) }])
  }
  // what lies there is nobody's news
  if (!wanted.has('recent')) inbox.firstRecent(true)
  inbox.close()
  return server
}

const limits = (messageSize: number, mailboxSize: number) => ({
  messageSize,
  mailboxSize,
  recipients: 100,
  connections: 100,
  connectionsPerClient: 100,
  connectionsPerMinute: 600,
  bodyMemory: 1 << 20,
})

describe.each(names)('%s', (name) => {
  const text = readFileSync(folder + name, 'utf8')
  const steps = parseDialogue(Buffer.from(text).toString('latin1').replaceAll(Buffer.from('…').toString('latin1'), '…'))

  it.each([
    ['whole', Number.POSITIVE_INFINITY, false],
    ['octet by octet', 1, false],
    ['over Maildirs', Number.POSITIVE_INFINITY, true],
  ])('%s', async (_, piece, maildir) => {
    const server = await prepare(text, maildir)
    try {
      await play(steps, server.port, piece)
      expect(server.troubles.filter((trouble) => !/^login |authVerify|auth/.test(trouble))).toEqual([])
    } finally {
      await server.end()
    }
  })
})
