// The Maildir store loses power at every single write, sync, create, rename, link and unlink of a workload, and must keep what clients have seen.
import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../core/base/clock.ts'
import type { Files } from '../../core/base/files.ts'
import { silentLogger } from '../../core/base/log.ts'
import { memoryContent } from '../../core/message/content.ts'
import type { Mailbox, MailboxStore, NewMessage } from '../../core/store/mailbox-store.ts'
import { openMaildirStore } from '../../core/store/maildir-store.ts'
import { CrashFiles, type FileOperation } from '../kit/crash-files.ts'

/** How often each crash is repeated with other survivors; raise it for a long run. */
const SEEDS = Number(process.env.CRASH_SEEDS ?? 1)
const ANA = 'ana@estafeta.test'
const PACO = 'paco@estafeta.test'

const octetsOf = (subject: string): string =>
  `Message-ID: <${subject}@estafeta.test>\r\nSubject: ${subject}\r\n\r\n${`body of ${subject}\r\n`.repeat(20)}`
const mail = (subject: string, clock: FakeClock, more: Partial<NewMessage> = {}): NewMessage => ({
  content: memoryContent(Buffer.from(octetsOf(subject))),
  flags: [],
  internalDate: clock.now(),
  ...more,
})

/** What a client of one mailbox has been told. */
interface Seen {
  readonly uidValidity: number
  uidNext: number
  highestModSeq: number
  readonly messages: Map<number, { subject: string; flags: string }>
  /** Never to come back. */
  readonly expunged: Set<number>
}

class Model {
  readonly clock = new FakeClock()
  /** By account and mailbox. */
  readonly seen = new Map<string, Seen>()
  /** Subjects of deliveries that were acknowledged, by account. */
  readonly delivered = new Map<string, Set<string>>([
    [ANA, new Set()],
    [PACO, new Set()],
  ])
  /** Subjects that a client has expunged or was expunging: they may be missing. */
  readonly dropped = new Set<string>()
  /** Subjects that are on their way to another mailbox: after a crash in both or either. */
  readonly moving = new Set<string>()

  async look(account: string, mailbox: Mailbox): Promise<void> {
    const key = `${account} ${mailbox.name}`
    const before = this.seen.get(key)
    const seen: Seen =
      before?.uidValidity === mailbox.uidValidity
        ? before
        : { uidValidity: mailbox.uidValidity, uidNext: 1, highestModSeq: 1, messages: new Map(), expunged: new Set() }
    this.seen.set(key, seen)
    const present = await contents(mailbox)
    for (const uid of seen.messages.keys()) {
      if (present.has(uid)) continue
      seen.messages.delete(uid)
      seen.expunged.add(uid)
    }
    for (const [uid, message] of present) seen.messages.set(uid, message)
    seen.uidNext = Math.max(seen.uidNext, mailbox.uidNext)
    seen.highestModSeq = mailbox.highestModSeq
  }

  /** Everything that clients were told still holds. */
  async check(store: MailboxStore): Promise<void> {
    for (const [account, subjects] of this.delivered) {
      const open = await store.account(account)
      const found = new Map<string, number>()
      for (const { name, selectable } of await open.list()) {
        if (!selectable) continue
        const mailbox = await open.open(name)
        const present = await contents(mailbox)
        for (const { subject } of present.values()) found.set(subject, (found.get(subject) ?? 0) + 1)
        const seen = this.seen.get(`${account} ${name}`)
        if (seen?.uidValidity === mailbox.uidValidity) await this.#checkMailbox(mailbox, seen, present)
        mailbox.close()
      }
      for (const subject of subjects) {
        if (!this.dropped.has(subject))
          expect(found.get(subject), `${account} has ${subject}`).toBeGreaterThanOrEqual(1)
      }
      open.close()
    }
  }

  async #checkMailbox(mailbox: Mailbox, seen: Seen, present: Awaited<ReturnType<typeof contents>>): Promise<void> {
    expect(mailbox.uidNext).toBeGreaterThanOrEqual(seen.uidNext)
    expect(mailbox.highestModSeq).toBeGreaterThanOrEqual(seen.highestModSeq)
    for (const [uid, { subject, flags }] of present) {
      const before = seen.messages.get(uid)
      expect(seen.expunged.has(uid), `UID ${uid} stays expunged`).toBe(false)
      if (!before) {
        expect(uid).toBeGreaterThanOrEqual(seen.uidNext)
        continue
      }
      expect(subject).toBe(before.subject)
      // flags may be lost with the power; then the client must hear of it
      if (flags !== before.flags) expect(mailbox.meta(uid)!.modSeq).toBeGreaterThan(seen.highestModSeq)
    }
    for (const [uid, { subject }] of seen.messages) {
      if (this.dropped.has(subject) || this.moving.has(subject)) continue
      expect(present.has(uid), `UID ${uid} is kept`).toBe(true)
    }
  }
}

async function contents(mailbox: Mailbox): Promise<Map<number, { subject: string; flags: string }>> {
  const found = new Map<number, { subject: string; flags: string }>()
  for await (const { uid, message } of mailbox.messages(mailbox.uids())) {
    const octets = (await message.read()).toString()
    const subject = /^Subject: (.*)\r$/m.exec(octets)![1]!
    expect(octets).toBe(octetsOf(subject))
    found.set(uid, { subject, flags: mailbox.meta(uid)!.flags.toSorted().join(' ') })
  }
  return found
}

const open = (files: Files, clock: FakeClock): Promise<MailboxStore> =>
  openMaildirStore({ directory: '/data/mail', files, clock, log: silentLogger, hostname: 'mail.estafeta.test' })

async function deliver(
  model: Model,
  store: MailboxStore,
  subjects: readonly string[],
  accounts: readonly string[] = [ANA, PACO],
): Promise<void> {
  const deliveries = subjects.flatMap((subject) =>
    accounts.map((account) => ({
      account,
      mailbox: 'INBOX',
      message: mail(subject, model.clock, { key: `${subject}.0`, internalDate: 1e12 }),
    })),
  )
  const answers = await Promise.all(await store.deliver(deliveries))
  answers.forEach((error, i) => {
    if (error === null) model.delivered.get(deliveries[i]!.account)!.add(subjects[Math.floor(i / accounts.length)]!)
  })
  const failed = answers.find((error) => error !== null)
  if (failed) throw failed
}

async function workload(model: Model, store: MailboxStore): Promise<void> {
  const { clock } = model
  await deliver(model, store, ['one', 'two', 'three'])
  const account = await store.account(ANA)
  const inbox = await account.open('INBOX')
  await model.look(ANA, inbox)
  await inbox.store([1, 2], 'add', ['\\Seen', 'Work'])
  await model.look(ANA, inbox)
  await account.create('Archive')
  await inbox.append([mail('own', clock, { flags: ['\\Seen', 'Private'] }), mail('own2', clock)])
  await model.look(ANA, inbox)
  await inbox.copy([1, 4], 'Archive')
  let archive = await account.open('Archive')
  await model.look(ANA, archive)
  model.dropped.add('own2')
  // what another session may still read is kept aside
  const other = await account.open('INBOX')
  await inbox.expunge([5])
  await model.look(ANA, inbox)
  other.close()
  model.moving.add('three')
  await inbox.move([3], 'Archive')
  await model.look(ANA, inbox)
  await model.look(ANA, archive)
  archive.close()
  model.seen.delete(`${ANA} Archive`)
  await account.rename('Archive', 'Old/Mail')
  await deliver(model, store, ['four'])
  await model.look(ANA, inbox)
  archive = await account.open('Old/Mail')
  await archive.store([1], 'replace', ['\\Flagged'])
  await model.look(ANA, archive)
  await inbox.store([6], 'add', ['\\Seen'])
  await model.look(ANA, inbox)
  archive.close()
  inbox.close()
  account.close()
}

async function begin(loseAt = Number.POSITIVE_INFINITY) {
  const files = new CrashFiles(['/data/mail'])
  files.loseAt = loseAt
  const model = new Model()
  const run = async () => {
    const store = await open(files, model.clock)
    await workload(model, store)
    await store.close()
  }
  const error = await run().then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error !== null && !files.lost) throw error
  return { files, model }
}

/** Starts again on what is left, checks, delivers all once more, goes on, and checks again after a second loss. */
async function recover({ files, model }: Awaited<ReturnType<typeof begin>>, seed?: number): Promise<void> {
  const rebooted = files.reboot(seed)
  const store = await open(rebooted, model.clock)
  await model.check(store)
  const account = await store.account(PACO)
  const inbox = await account.open('INBOX')
  await deliver(model, store, ['one', 'two', 'three', 'four', 'five'])
  expect([...(await contents(inbox)).values()].map(({ subject }) => subject).toSorted()).toEqual([
    'five',
    'four',
    'one',
    'three',
    'two',
  ])
  await inbox.store([...inbox.uids()], 'add', ['\\Answered', 'Again'])
  await model.look(PACO, inbox)
  const again = await open(rebooted.reboot(), model.clock)
  await model.check(again)
}

describe('power lost at any operation', () => {
  it('keeps what was acknowledged when nothing unsynced survives', { timeout: 300_000 }, async () => {
    const whole = await begin()
    const kinds = new Set(whole.files.trace.map(({ kind }) => kind))
    expect([...kinds].sort()).toEqual(['create', 'link', 'mkdir', 'rename', 'sync', 'syncDir', 'unlink', 'write'])
    await recover(whole)
    for (let loseAt = 1; loseAt <= whole.files.operations; loseAt++) {
      await recover(await begin(loseAt)).catch((error) => {
        throw new Error(`power lost at ${describeOperation(whole.files.trace[loseAt - 1])}`, { cause: error })
      })
    }
  })

  it('and when any part of the unsynced survives', { timeout: 300_000 }, async () => {
    const { files } = await begin()
    for (let loseAt = 1; loseAt <= files.operations; loseAt++) {
      for (let seed = 1; seed <= SEEDS; seed++) {
        await recover(await begin(loseAt), loseAt * 1000 + seed).catch((error) => {
          throw new Error(`power lost at ${describeOperation(files.trace[loseAt - 1])}, seed ${seed}`, { cause: error })
        })
      }
    }
  })
})

describe('a folder of another program that is read in turns', () => {
  const FOREIGN = ['f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7']
  const FOLDER = '/data/mail/estafeta.test/ana'

  /** A look at a file of the folder takes a millisecond, so that others have their turn after every two. */
  const slow = (files: CrashFiles, clock: FakeClock): Files =>
    new Proxy<Files>(files, {
      get(target, name: keyof Files) {
        const method = target[name] as ((...args: unknown[]) => unknown) | undefined
        if (!method) return undefined
        return (...args: unknown[]) => {
          if (name === 'stat' && /\.foreign$/.test(String(args[0]))) clock.advance(1)
          return method.apply(target, args)
        }
      },
    })

  function foreignFolder(): CrashFiles {
    const files = new CrashFiles(['new', 'cur', 'tmp'].map((part) => `${FOLDER}/${part}`))
    for (const [n, subject] of FOREIGN.entries()) {
      const fd = files.open(`${FOLDER}/new/${1_700_000_000 + n}.${n}.foreign`, 'w')
      files.write(fd, [Buffer.from(octetsOf(subject).replaceAll('\r\n', '\n'))], 0)
      files.fdatasync(fd)
      files.close(fd)
    }
    files.fsyncDir(`${FOLDER}/new`)
    return files.reboot()
  }

  async function run(files: CrashFiles, model: Model): Promise<string[]> {
    const order: string[] = []
    const store = await open(slow(files, model.clock), model.clock)
    const account = await store.account(ANA)
    const opening = account.open('INBOX').finally(() => order.push('open'))
    const [late, quick] = await Promise.allSettled([
      deliver(model, store, ['late'], [ANA]),
      deliver(model, store, ['quick'], [PACO]).finally(() => order.push('quick')),
    ])
    const inbox = await opening
    await model.look(ANA, inbox)
    for (const { status, reason } of [late, quick] as PromiseRejectedResult[]) if (status === 'rejected') throw reason
    await inbox.store([1, 8], 'add', ['\\Seen'])
    await model.look(ANA, inbox)
    await store.close()
    return order
  }

  async function check(files: CrashFiles, model: Model): Promise<void> {
    const store = await open(files, model.clock)
    await model.check(store)
    await deliver(model, store, ['late', 'quick'])
    const inbox = await (await store.account(ANA)).open('INBOX')
    const subjects = [...(await contents(inbox)).values()].map(({ subject }) => subject)
    expect(subjects.toSorted()).toEqual([...FOREIGN, 'late', 'quick'])
    expect(subjects.filter((subject) => FOREIGN.includes(subject))).toEqual(FOREIGN)
    await store.close()
  }

  it('keeps what clients have seen, and what was acknowledged meanwhile', { timeout: 300_000 }, async () => {
    const whole = foreignFolder()
    const model = new Model()
    expect(await run(whole, model)).toEqual(['quick', 'open'])
    await check(whole.reboot(), model)
    for (let loseAt = 1; loseAt <= whole.operations; loseAt++) {
      for (const seed of [undefined, loseAt]) {
        const files = foreignFolder()
        const lost = new Model()
        files.loseAt = loseAt
        await run(files, lost).catch((error) => {
          if (!files.lost) throw error
        })
        await check(files.reboot(seed), lost).catch((error) => {
          throw new Error(`power lost at ${describeOperation(whole.trace[loseAt - 1])}, seed ${seed}`, { cause: error })
        })
      }
    }
  })
})

describe('a disk that fails', () => {
  it.each(['ENOSPC', 'EIO', 'EACCES'])(
    '%s at any operation: a temporary failure, nothing lost, nothing half-visible',
    { timeout: 300_000 },
    async (code) => {
      const { files } = await begin()
      for (let failAt = 1; failAt <= files.operations; failAt++) {
        const failing = new CrashFiles(['/data/mail'])
        const model = new Model()
        failing.fault = ({ number }) => (number === failAt ? code : null)
        const store = await open(failing, model.clock)
        await workload(model, store).catch((error) => {
          expect({ failAt, kind: error.kind, detail: error.detail }).toMatchObject({ kind: 'temporary' })
          expect(error.reply).toMatchObject({ code: code === 'ENOSPC' ? 452 : 451 })
        })
        await model.check(store).catch((error) => {
          throw new Error(`${code} at ${describeOperation(files.trace[failAt - 1])}`, { cause: error })
        })
        await recover({ files: failing, model }).catch((error) => {
          throw new Error(`after ${code} at ${describeOperation(files.trace[failAt - 1])}`, { cause: error })
        })
      }
    },
  )
})

const describeOperation = (operation: FileOperation | undefined): string =>
  operation ? `${operation.number}: ${operation.kind} ${operation.path}` : 'no operation'
