// What SEARCH saves and tells beside the messages found, where a dialogue cannot know the numbers.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { memoryContent } from '../../../core/message/content.ts'
import { LineClient } from '../../kit/imap-dialogue.ts'
import { type ImapServer, startImapServer } from '../../kit/imap-server.ts'

let server: ImapServer
let client: LineClient

beforeEach(async () => {
  server = await startImapServer()
  const inbox = await (await server.store.account('ana@example.com')).open('INBOX')
  const content = memoryContent(Buffer.from('Subject: found\r\n\r\ntext\r\n'))
  for (let i = 0; i < 3; i++) await inbox.append([{ content, flags: [], internalDate: 0 }])
  inbox.close()
  client = LineClient.to(server.port)
  for (const line of ['LOGIN ana secret', 'SELECT INBOX (CONDSTORE)']) await ask(line)
})

afterEach(async () => {
  client.end()
  await server.end()
})

/** All lines up to the tagged one. */
async function ask(line: string): Promise<string[]> {
  client.send(`t ${line}\r\n`)
  return client.until('t ')
}

const modSeq = async (n: number): Promise<string> =>
  /MODSEQ \((\d+)\)/.exec((await ask(`FETCH ${n} (MODSEQ)`))[0]!)![1]!

it('a saving SEARCH that is refused leaves nothing saved', async () => {
  await ask('SEARCH RETURN (SAVE) ALL')
  expect(await ask('SEARCH CHARSET X-NONE SUBJECT found')).toEqual([expect.stringMatching(/^t NO \[BADCHARSET /)])
  expect((await ask('FETCH $ (UID)')).length).toBe(4)
  expect(await ask('SEARCH RETURN (SAVE) CHARSET X-NONE SUBJECT found')).toEqual([
    expect.stringMatching(/^t NO \[BADCHARSET /),
  ])
  expect(await ask('FETCH $ (UID)')).toEqual(['t OK Done'])
})

it('MODSEQ beside MIN and MAX is that of the messages returned', async () => {
  await ask('STORE 2 +FLAGS.SILENT (\\Seen)')
  const [first, second, third] = [await modSeq(1), await modSeq(2), await modSeq(3)]
  expect((await ask('SEARCH RETURN (MIN) MODSEQ 1'))[0]).toBe(`* ESEARCH (TAG "t") MIN 1 MODSEQ ${first}`)
  expect((await ask('SEARCH RETURN (MAX) MODSEQ 1'))[0]).toBe(`* ESEARCH (TAG "t") MAX 3 MODSEQ ${third}`)
  expect((await ask('SEARCH RETURN (MIN MAX) MODSEQ 1'))[0]).toBe(`* ESEARCH (TAG "t") MIN 1 MAX 3 MODSEQ ${third}`)
  expect((await ask('SEARCH RETURN (MIN COUNT) MODSEQ 1'))[0]).toBe(
    `* ESEARCH (TAG "t") MIN 1 COUNT 3 MODSEQ ${second}`,
  )
})
