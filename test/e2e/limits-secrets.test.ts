// Passwords and what carries them never reach the log, in either format, nor the trace: right ones, wrong ones, broken ones.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startTestServer } from '../kit/server.ts'
import { SmtpTalk } from '../kit/smtp-talk.ts'
import { Talker } from '../kit/talker.ts'

const ANA = 'ana@estafeta.test'
const PASSWORDS = ['Right-Secret-4711', 'Wrong-Secret-0815', 'Broken-Secret-1234']
const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** Everything that tells one of them: itself, its base64, and that of PLAIN's message. */
const traces = PASSWORDS.flatMap((one) => [one, base64(one), base64(`\0${ANA}\0${one}`), base64(`\0nobody\0${one}`)])

async function speakOne(port: number, lines: readonly string[]): Promise<void> {
  const talker = await Talker.connect(port)
  await talker.line()
  for (const line of lines) {
    talker.send(`${line}\r\n`)
    for (let answer = await talker.line(); answer !== null; answer = await talker.line())
      if (!/^(\* |\d\d\d-)/.test(answer)) break
  }
  talker.close()
}

test.each(['text', 'json'] as const)('log format %s', async (format) => {
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-secrets-'))
  const [right, wrong, broken] = PASSWORDS as [string, string, string]
  const server = await startTestServer({
    folder,
    users: { [ANA]: right },
    config: {
      profile: 'internet-site',
      log: { format, level: 'debug' },
      plugins: { 'spf-dkim-dmarc': { enabled: false } },
    },
  })
  const talks: Promise<void>[] = []
  const speak = (...args: Parameters<typeof speakOne>): void => void talks.push(speakOne(...args))
  for (const password of [right, wrong]) {
    for (const auth of [
      [`AUTH PLAIN ${base64(`\0${ANA}\0${password}`)}`],
      ['AUTH PLAIN', base64(`\0${ANA}\0${password}`)],
      ['AUTH LOGIN', base64(ANA), base64(password)],
    ])
      speak(server.port('submission'), ['EHLO client.test', ...auth])
    speak(server.port('imap'), [`a LOGIN ${ANA} "${password}"`, 'b LOGOUT'])
    speak(server.port('imap'), [`a AUTHENTICATE PLAIN ${base64(`\0${ANA}\0${password}`)}`])
    speak(server.port('imap'), ['a AUTHENTICATE LOGIN', base64(ANA), base64(password)])
    speak(server.port('pop3'), [`USER ${ANA}`, `PASS ${password}`, 'QUIT'])
    speak(server.port('pop3'), [`AUTH PLAIN ${base64(`\0${ANA}\0${password}`)}`])
  }
  // what a client may do wrong with a password: the wrong place, the wrong form, no such user
  speak(server.port('submission'), ['EHLO client.test', `AUTH PLAIN ${base64(broken)}`, broken, `AUTH ${broken}`])
  speak(server.port('submission'), ['EHLO client.test', 'AUTH LOGIN', base64('nobody'), base64(broken)])
  speak(server.port('imap'), [`a LOGIN ${ANA} "${broken}`, `b AUTHENTICATE PLAIN ${broken}`])
  speak(server.port('pop3'), [`PASS ${broken}`, `APOP ${ANA} ${broken}`])
  await Promise.all(talks)
  const talk = await SmtpTalk.open(server.port('submission'))
  await talk.ask(`AUTH PLAIN ${base64(`\0${ANA}\0${right}`)}`)
  expect(await talk.send({ from: ANA, to: ANA })).toMatch(/^250/)
  await talk.ask('QUIT')
  talk.close()
  await server.logged(/removed/)
  await server.stop(0)

  const log = server.lines.join('\n')
  expect(log).toContain(ANA) // logins are told, by name
  expect(server.lines.filter((line) => traces.some((secret) => line.includes(secret)))).toEqual([])
  for (const name of readdirSync(server.site.data, { recursive: true, encoding: 'utf8' })) {
    const path = join(server.site.data, name)
    if (!existsSync(path) || !statSync(path).isFile()) continue
    const bytes = readFileSync(path, 'latin1')
    expect(
      traces.filter((secret) => bytes.includes(secret)),
      name,
    ).toEqual([])
  }
  rmSync(folder, { recursive: true })
})
