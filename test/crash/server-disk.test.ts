// A disk that really fills up under the server: a small file system of its own holds the data folder.
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../kit/server.ts'
import { queuedAs, SmtpTalk } from '../kit/smtp-talk.ts'
import { Talker } from '../kit/talker.ts'

const reason = whyNot()
if (reason !== null) console.log(`server-disk.test.ts: not run: ${reason}`)

function whyNot(): string | null {
  if (process.getuid?.() !== 0) return 'mounting a file system needs root'
  const probe = mkdtempSync(join(tmpdir(), 'estafeta-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe], { stdio: 'pipe' })
    execFileSync('umount', [probe])
    return null
  } catch (error) {
    return `this machine allows no mount: ${(error as Error).message}`
  } finally {
    rmSync(probe, { recursive: true })
  }
}

const MiB = 2 ** 20
const ANA = 'ana@estafeta.test'

describe.runIf(reason === null)('a disk that fills up', () => {
  let folder: string
  let disk: string
  let server: TestServer

  const start = async (minFree: number): Promise<void> => {
    server = await startTestServer({
      folder,
      users: { [ANA]: 'secret' },
      config: {
        profile: 'internet-site',
        data: join(disk, 'data'),
        plugins: { 'spf-dkim-dmarc': { enabled: false } },
        queue: { minFree, firstRetry: '1h' },
        limits: { bodyMemory: '64KiB' },
      },
    })
  }
  const free = (): number => {
    const { bavail, bsize } = statfsSync(disk)
    return bavail * bsize
  }
  /** Something else takes all but `leave` octets, however much the server still writes meanwhile. */
  const fill = (leave: number): void => {
    const file = openSync(join(disk, 'fill'), 'w')
    try {
      for (let rest = free() - leave; rest > 0; rest = free() - leave)
        writeSync(file, Buffer.alloc(Math.min(rest, 64 * 1024)))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      closeSync(file)
    }
  }
  const empty = (): void => rmSync(join(disk, 'fill'))
  const text = (subject: string, size: number): string =>
    `Subject: ${subject}\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(Math.ceil(size / 72))}`
  const inbox = async (): Promise<string[]> => {
    const account = await server.store.account(ANA)
    const mailbox = await account.open('INBOX')
    const subjects: string[] = []
    for (const uid of mailbox.uids()) {
      const message = await mailbox.message(uid)
      const bytes = (await message.read()).toString('latin1')
      message.close()
      subjects.push(`${/^Subject: (.*)$/m.exec(bytes)![1]} ${bytes.length - bytes.indexOf('\r\n\r\n') - 4}`)
    }
    mailbox.close()
    account.close()
    return subjects
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'estafeta-disk-'))
    disk = join(folder, 'disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', disk])
  })
  afterEach(async () => {
    await server.stop(0)
    execFileSync('umount', [disk])
    rmSync(folder, { recursive: true })
  })

  test('below minFree MAIL is answered 452 4.3.1; with room again mail flows in the same session', async () => {
    await start(4 * MiB)
    const talk = await SmtpTalk.open(server.port('smtp'))
    const first = queuedAs(await talk.send({ to: ANA }))
    await server.logged(new RegExp(`${first}: removed`))
    fill(3 * MiB)
    // the answer about free space is good for a second
    await expect
      .poll(() => talk.ask('MAIL FROM:<a@away.test>').then((r) => talk.ask('RSET').then(() => r)), {
        timeout: 10_000,
        interval: 300,
      })
      .toBe('452 4.3.1 Insufficient system storage')
    expect(await talk.ask(`MAIL FROM:<a@away.test> SIZE=10`)).toBe('452 4.3.1 Insufficient system storage')
    empty()
    await expect
      .poll(() => talk.send({ to: ANA }), { timeout: 10_000, interval: 300 })
      .toMatch(/^250 2\.0\.0 OK queued/)
    talk.close()
  })

  test('a disk that fills up while the message comes in: 452 4.3.1, nothing left behind, then the same message is taken', async () => {
    await start(0)
    const talk = await SmtpTalk.open(server.port('smtp'))
    const first = queuedAs(await talk.send({ to: ANA }))
    await server.logged(new RegExp(`${first}: removed`))
    fill(1 * MiB)
    const large = { to: ANA, text: text('large', 3 * MiB) }
    expect(await talk.send(large)).toBe('452 4.3.1 Insufficient system storage')
    expect(server.queue.stats().items).toBe(0)
    expect(readdirSync(join(disk, 'data', 'queue', 'body'))).toEqual([])
    expect(free()).toBeGreaterThan(0.5 * MiB)
    empty()
    let reply = ''
    await expect.poll(async () => (reply = await talk.send(large)), { timeout: 10_000, interval: 300 }).toMatch(/^250/)
    await server.logged(new RegExp(`${queuedAs(reply)}: removed`))
    expect(await inbox()).toEqual(['x 6', `large ${3 * MiB + 72 - ((3 * MiB) % 72)}`])
    talk.close()
  })

  test('a disk without a free octet: nothing is taken, readers still read and delete, and the server lives on', async () => {
    await start(0)
    const talk = await SmtpTalk.open(server.port('smtp'))
    await talk.send({ to: ANA })
    await server.logged(/: removed/)
    fill(0)
    expect(await talk.send({ to: ANA, text: text('none', 2 * MiB) })).toBe('452 4.3.1 Insufficient system storage')
    const imap = await Talker.connect(server.port('imap'))
    await imap.line()
    const ask = async (command: string): Promise<string[]> => {
      imap.send(`a ${command}\r\n`)
      const lines: string[] = []
      for (let line = await imap.line(); line !== null; line = await imap.line()) {
        lines.push(line)
        if (line.startsWith('a ')) break
      }
      return lines
    }
    expect((await ask(`LOGIN ${ANA} secret`)).at(-1)).toMatch(/^a OK/)
    expect((await ask('SELECT INBOX')).at(-1)).toMatch(/^a OK/)
    expect((await ask('FETCH 1 BODY.PEEK[TEXT]')).join(' ')).toContain('body')
    expect((await ask('STORE 1 +FLAGS (\\Deleted)')).at(-1)).toMatch(/^a (OK|NO)/)
    imap.close()
    empty()
    await expect.poll(() => talk.send({ to: ANA }), { timeout: 10_000, interval: 300 }).toMatch(/^250/)
    talk.close()
  })

  test('mail already queued stays, and what cannot be written into a mailbox is deferred, then delivered whole', async () => {
    await start(0)
    const talk = await SmtpTalk.open(server.port('smtp'))
    queuedAs(await talk.send({ to: ANA }))
    await server.logged(/: removed/)
    // room for the queue's copy, none for the mailbox's
    fill(5 * MiB)
    const id = queuedAs(await talk.send({ to: ANA, text: text('waits', 3 * MiB) }))
    await server.logged(new RegExp(`${id}: to=<${ANA}>.*status=deferred`))
    expect(server.queue.get(id)?.recipients[0]).toMatchObject({ status: 'ready', attempts: 1 })
    expect(await inbox()).toEqual(['x 6'])
    expect(readdirSync(join(disk, 'data', 'mail', 'estafeta.test', 'ana', 'tmp'))).toEqual([])
    empty()
    await server.queue.update({ id, due: Date.now() })
    await server.logged(new RegExp(`${id}: to=<${ANA}>.*status=sent`))
    expect(await inbox()).toEqual(['x 6', `waits ${3 * MiB + 72 - ((3 * MiB) % 72)}`])
    talk.close()
  })
})
