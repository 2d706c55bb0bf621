import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import {
  AS_USER,
  type Attempt,
  type Courier,
  MAILBOX_STORE,
  type MailboxStore,
  type NextHop,
  type Outcome,
} from 'estafeta/plugin'
import { testPlugin } from 'estafeta/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeClock, systemClock } from '../../core/base/clock.ts'
import { silentLogger } from '../../core/base/log.ts'
import { memoryContent } from '../../core/message/content.ts'
import { defaultMailParameters } from '../../core/message/envelope.ts'
import { createMemoryStore } from '../../core/store/memory-store.ts'
import { addressOf } from '../../test/kit/outgoing.ts'
import { createBatcher } from './batch.ts'
import deliverLocal from './index.ts'

const USERS = `users:
  ana@example.com: { addresses: [ana.b@example.com] }
  paco@example.com: { quota: 200 }
  free@example.com: { quota: 0 }
  off@example.com: { enabled: false }
`
const TEXT = 'Return-Path: <forged@example.net>\nFrom: sender@example.net\nSubject: hello\n\nbody\n'
const system = { name: 'eva', uid: 1000, gid: 1000, home: '/home/eva', shell: '/bin/sh' }

async function start(options: { config?: object; site?: object; asUser?: object } = {}) {
  const store = createMemoryStore({ clock: new FakeClock() })
  const plugin = await testPlugin(deliverLocal, {
    config: { ...options.config },
    site: { users: { file: 'users.yaml', system: true }, ...options.site },
    files: { 'users.yaml': USERS },
    systemUsers: [system],
    services: [[MAILBOX_STORE, store], ...(options.asUser ? [[AS_USER, options.asUser] as const] : [])],
  })
  const read = async (account: string, mailbox = 'INBOX') => {
    const open = await (await store.account(account)).open(mailbox)
    const texts: string[] = []
    for await (const { message } of open.messages(open.uids())) texts.push((await message.read()).toString())
    return texts
  }
  const send = async (to: string, text = TEXT) => {
    const { outcome } = await plugin.route(to)
    if (!outcome || !('courier' in outcome)) throw new Error(`no route to ${to}`)
    return (await plugin.deliver(outcome, text, { to }))[0]!
  }
  return { plugin, store, read, send }
}

describe('route', () => {
  test('users go to the lane of their account, by any of their addresses', async () => {
    const { plugin } = await start()
    expect((await plugin.route('ANA@example.com')).outcome).toMatchObject({
      courier: 'local',
      destination: 'ana@example.com',
    })
    expect((await plugin.route('ana.b@example.com')).outcome).toMatchObject({ destination: 'ana@example.com' })
    expect((await plugin.route('ana+news@example.com')).outcome).toMatchObject({
      destination: 'ana@example.com',
      options: { detail: 'news' },
    })
    await plugin.close()
  })

  test('others of our domains bounce, other domains are not ours', async () => {
    const { plugin } = await start()
    expect((await plugin.route('nobody@example.com')).reply).toMatchObject({ code: 550, enhanced: '5.1.1' })
    expect((await plugin.route('off@example.com')).reply).toMatchObject({ code: 550, enhanced: '5.2.1' })
    expect((await plugin.route('ana@elsewhere.test')).outcome).toBeNull()
    await plugin.close()
  })

  test('system users have a lane, too', async () => {
    const { plugin } = await start()
    expect((await plugin.route('eva+x@example.com')).outcome).toMatchObject({ courier: 'local', destination: 'eva' })
    await plugin.close()
  })
})

describe('mailboxes', () => {
  test('the message comes with the fields of final delivery, and one Return-Path', async () => {
    const { plugin, send, read } = await start()
    expect(await send('ana.b@example.com')).toMatchObject({ kind: 'delivered', reply: { code: 250 }, relay: 'local' })
    expect(await read('ana@example.com')).toEqual([
      'Return-Path: <sender@example.net>\r\nX-Original-To: ana.b@example.com\r\nDelivered-To: ana@example.com\r\n' +
        'From: sender@example.net\r\nSubject: hello\r\n\r\nbody\r\n',
    ])
    await plugin.close()
  })

  test('what was delivered to the same account before goes in a circle: it bounces', async () => {
    const { plugin, send, read } = await start()
    const loop = { kind: 'failed', reply: { code: 554, enhanced: '5.4.6' } }
    expect(await send('ana.b@example.com', `Delivered-To: Ana@Example.com\n${TEXT}`)).toMatchObject(loop)
    expect(await send('ana@example.com', `delivered-to:\n  ana@example.com\n${TEXT}`)).toMatchObject(loop)
    const others = `Delivered-To: paco@example.com\nX-Delivered-To: ana@example.com\n${TEXT}\nDelivered-To: ana@example.com\n`
    expect(await send('ana@example.com', others)).toMatchObject({ kind: 'delivered' })
    expect(await read('ana@example.com')).toHaveLength(1)
    await plugin.close()
  })

  test('a second attempt at the same recipient doubles nothing', async () => {
    const { plugin, send, read } = await start()
    await send('ana@example.com')
    await send('ana@example.com')
    expect(await read('ana@example.com')).toHaveLength(1)
    await plugin.close()
  })

  test('folder: a template names the mailbox', async () => {
    const { plugin, send, read } = await start({ config: { folder: 'In/{user}/{detail}' } })
    await send('ana+news@example.com')
    expect(await read('ana@example.com', 'In/ana/news')).toHaveLength(1)
    await plugin.close()
  })

  test('detailFolder: into the mailbox of that name, else as without', async () => {
    const { plugin, store, send, read } = await start({ config: { detailFolder: true } })
    await (await store.account('ana@example.com')).create('News')
    await send('ana+news@example.com')
    expect(await read('ana@example.com', 'News')).toHaveLength(1)
    await plugin.close()
  })

  test('a large message for many addresses of one user lets mail for others pass', async () => {
    const { plugin, store, send } = await start()
    const accounts: string[] = []
    const given = store.deliver.bind(store)
    store.deliver = (all) => {
      for (const { account } of all) accounts.push(account)
      return given(all)
    }
    const to = Array.from({ length: 60 }, (_, i) => `ana+${i}@example.com`)
    const { outcome } = await plugin.route(to[0]!)
    const large = plugin.deliver(outcome as NextHop, `${TEXT}${'x'.repeat(200_000)}\n`, { to })
    const other = send('free@example.com')
    for (; accounts.length <= to.length; await setImmediate()) plugin.clock.advance(10)
    expect(accounts.indexOf('free@example.com')).toBeLessThan(10)
    expect((await Promise.all([large, other])).flat().every(({ kind }) => kind === 'delivered')).toBe(true)
    await plugin.close()
  })

  test('over quota: tried again later', async () => {
    const { plugin, send, read } = await start()
    expect(await send('paco@example.com')).toMatchObject({ kind: 'delivered' })
    expect(await send('paco@example.com', `${TEXT}more\n`)).toMatchObject({
      kind: 'deferred',
      reply: { code: 452, enhanced: '4.2.2' },
    })
    expect(await read('paco@example.com')).toHaveLength(1)
    await plugin.close()
  })

  test('over quota: back to the sender, where so configured, and what is larger than the quota always', async () => {
    const { plugin, send } = await start({ config: { mailboxFull: 'bounce' } })
    expect(await send('paco@example.com')).toMatchObject({ kind: 'delivered' })
    const full = { kind: 'failed', reply: { code: 552, enhanced: '5.2.2' } }
    expect(await send('paco@example.com', `${TEXT}more\n`)).toMatchObject(full)
    await plugin.close()
    const patient = await start()
    expect(await patient.send('paco@example.com', `${TEXT}${'x'.repeat(200)}\n`)).toMatchObject(full)
    await patient.plugin.close()
  })

  test('a quota of 0 is none, whatever the rest of the site has', async () => {
    const { plugin, send } = await start({ site: { limits: { mailboxSize: 100 } } })
    expect(await send('eva@example.com')).toMatchObject({ kind: 'failed' })
    expect(await send('free@example.com')).toMatchObject({ kind: 'delivered' })
    await plugin.close()
  })

  test('a store that fails: deferred with its reply', async () => {
    const { plugin, store, send } = await start()
    await store.close()
    expect(await send('ana@example.com')).toMatchObject({ kind: 'deferred', reply: { code: 451, enhanced: '4.3.0' } })
    await plugin.close()
  })

  test('system users get their mail under their own id, or in the store where nobody can act as them', async () => {
    const calls: unknown[] = []
    const asUser = { available: true, deliver: async (...args: unknown[]) => void calls.push(args.slice(0, 2)) }
    const own = await start({ asUser })
    expect(await own.send('eva@example.com')).toMatchObject({ kind: 'delivered' })
    expect(calls).toEqual([['eva', { path: '/var/mail/eva', format: 'mbox', key: '0000000000000000.0', spool: true }]])
    await own.plugin.close()
    const stored = await start()
    await stored.send('eva@example.com')
    expect(await stored.read('eva')).toHaveLength(1)
    await stored.plugin.close()
  })
})

describe('deliveries that come while the store works share the next call', () => {
  let batches: number[]
  let finish: () => void
  let clock: FakeClock
  let one: (octets?: number) => Promise<Error | null>
  beforeEach(() => {
    batches = []
    clock = new FakeClock()
    const store = {
      deliver: (deliveries: readonly unknown[]) => {
        batches.push(deliveries.length)
        return new Promise((resolve) => {
          finish = () => resolve(deliveries.map(() => null))
        })
      },
    } as unknown as MailboxStore
    const { deliver } = createBatcher(store, clock)
    one = (octets = 10) => {
      const message = { content: memoryContent(Buffer.alloc(octets)), flags: [], internalDate: 0 }
      return deliver({ account: 'ana@example.com', mailbox: 'INBOX', message })
    }
  })

  test('at once when nothing more comes', async () => {
    const first = [one(), one()]
    await null
    const later = [one(), one(), one()]
    expect(batches).toEqual([2])
    finish()
    await Promise.all(first)
    await setImmediate()
    expect(batches).toEqual([2])
    clock.advance(10)
    await setImmediate()
    expect(batches).toEqual([2, 3])
    finish()
    expect(await Promise.all(later)).toEqual([null, null, null])
  })

  test('later while others keep coming', async () => {
    const all = [one(), one()]
    await null
    all.push(one())
    finish()
    for (let ms = 10; ms < 100; ms += 10) {
      await setImmediate()
      all.push(one())
      clock.advance(10)
    }
    await setImmediate()
    expect(batches).toEqual([2])
    all.push(one())
    clock.advance(10)
    await setImmediate()
    expect(batches).toEqual([2, 11])
    finish()
    await Promise.all(all)
  })

  test('at once when they are too much for one call', async () => {
    const all = Array.from({ length: 8 }, () => one(200_000))
    await null
    expect(batches).toEqual([5])
    finish()
    await setImmediate()
    expect(batches).toEqual([5, 3])
    finish()
    await Promise.all(all)
  })
})

test('a delivery that must wait for its mailbox holds up none that come with it or later', async () => {
  const { promise, resolve } = Promise.withResolvers<null>()
  const store = {
    deliver: async (all: readonly { account: string }[]) =>
      all.map(({ account }) => (account === 'large@example.com' ? promise : null)),
  } as unknown as MailboxStore
  const clock = new FakeClock()
  const { deliver } = createBatcher(store, clock)
  const message = { content: memoryContent(Buffer.from('x: y\r\n\r\n')), flags: [], internalDate: 0 }
  const order: string[] = []
  const one = async (user: string) => {
    expect(await deliver({ account: `${user}@example.com`, mailbox: 'INBOX', message })).toBeNull()
    order.push(user)
  }
  const late = one('large')
  await one('ana')
  clock.advance(50)
  await setImmediate()
  await one('paco')
  resolve(null)
  await late
  expect(order).toEqual(['ana', 'paco', 'large'])
})

describe('files and commands', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'estafeta-targets-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  async function run(
    courier: 'file' | 'pipe',
    local: string,
    options: { config?: object; asUser?: unknown; as?: string; from?: string; text?: string } = {},
  ): Promise<Outcome> {
    const hooks = await deliverLocal.setup({
      asUser: options.asUser ?? { available: false },
      clock: systemClock,
      log: silentLogger,
      config: deliverLocal.config!.parse(options.config ?? {}),
      site: { recipientDelimiter: '+' },
    } as never)
    const address = { local, domain: '', original: local }
    const recipient = {
      n: 3,
      address,
      reversePath: { local: 's', domain: 'example.net', original: '' },
      notify: [],
      orcpt: 'rfc822;list@example.com',
      ...(options.as ? { asUser: options.as } : {}),
      ...(options.from ? { expandedFrom: addressOf(options.from) } : {}),
    }
    const attempt = {
      message: {
        queueId: '0000000000000000',
        parameters: defaultMailParameters,
        origin: { ip: '192.0.2.1', helo: null, account: null },
        arrived: 0,
      },
      nextHop: { courier, destination: local },
      recipients: [recipient],
      number: 1,
      content: memoryContent(Buffer.from(options.text ?? 'Subject: t\r\n\r\nFrom here\r\n')),
    } as unknown as Attempt
    const couriers = hooks.couriers as { [name: string]: Courier }
    return (await couriers[courier]!.deliver(attempt, new AbortController().signal))[0]!
  }
  const allowed = { config: { allowPrograms: true } }

  test('a file gets the message as mbox, and another beside it', async () => {
    const path = join(folder, 'list')
    expect(await run('file', path, allowed)).toMatchObject({ n: 3, kind: 'delivered' })
    await run('file', path, allowed)
    const messages = readFileSync(path, 'utf8').split(/^(?=From )/m)
    expect(messages).toHaveLength(2)
    expect(messages[0]).toMatch(/^From s@example\.net .* \d{4}\nReturn-Path: <s@example.net>\n/)
    expect(messages[0]).toMatch(/Subject: t\n\n>From here\n\n$/)
  })

  test('a command gets the message, the envelope and LF line ends', async () => {
    const out = join(folder, 'out')
    const outcome = await run('pipe', `|cat > ${out}; echo "$SENDER $RECIPIENT" >> ${out}`, allowed)
    expect(outcome).toMatchObject({ kind: 'delivered' })
    expect(readFileSync(out, 'utf8')).toMatch(
      /^From s@example\.net \w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\nReturn-Path: <s@example.net>\nX-Original-To: list@example.com\nSubject: t\n\nFrom here\ns@example\.net list@example\.com\n$/,
    )
  })

  test('a command is told for whom it runs', async () => {
    const out = join(folder, 'out')
    const command = `|echo "$RECIPIENT $LOCAL $DOMAIN [$EXTENSION] $ORIGINAL_RECIPIENT" > ${out}; grep ^Delivered-To >> ${out}`
    await run('pipe', command, { ...allowed, from: 'team+news@example.com' })
    expect(readFileSync(out, 'utf8')).toBe(
      'team+news@example.com team+news example.com [news] list@example.com\nDelivered-To: team+news@example.com\n',
    )
  })

  test.each(['file', 'pipe'] as const)('what a %s got for the same address before bounces', async (courier) => {
    const path = join(folder, 'out')
    const target = courier === 'file' ? path : `|cat > ${path}`
    const text = 'Delivered-To: Team@Example.com\r\nSubject: t\r\n\r\nbody\r\n'
    expect(await run(courier, target, { ...allowed, text, from: 'team@example.com' })).toMatchObject({
      kind: 'failed',
      reply: { code: 554, enhanced: '5.4.6' },
    })
    expect(await run(courier, target, { ...allowed, text, from: 'other@example.com' })).toMatchObject({
      kind: 'delivered',
    })
  })

  test.each([
    ['exit 75', 'deferred', '4.3.0'],
    ['exit 64', 'failed', '5.3.0'],
    ['no-such-command-anywhere', 'deferred', '4.3.0'],
    ['kill -9 $$', 'deferred', '4.3.0'],
    ['echo "mailbox is gone" >&2; exit 67', 'failed', '5.3.0'],
  ])('%s: %s', async (command, kind, enhanced) => {
    const outcome = await run('pipe', `|${command}`, allowed)
    expect(outcome).toMatchObject({ kind, reply: { enhanced } })
    if (command.startsWith('echo')) expect(outcome.reply.text).toContain('mailbox is gone')
  })

  test('a command that does not end is ended', async () => {
    const mark = join(folder, 'pid')
    const outcome = await run('pipe', `|echo $$ > ${mark}; sleep 1000`, {
      config: { allowPrograms: true, commandLimit: '300ms' },
    })
    expect(outcome).toMatchObject({ kind: 'deferred' })
    expect(() => process.kill(Number(readFileSync(mark, 'utf8')), 0)).toThrow()
  })

  test('a command that reads nothing, and one that says too much', async () => {
    expect(await run('pipe', '|true', allowed)).toMatchObject({ kind: 'delivered' })
    const loud = await run('pipe', '|head -c 1000000 /dev/zero | tr "\\0" x; exit 1', allowed)
    expect(loud.kind).toBe('failed')
    expect((loud.detail ?? '').length).toBeLessThan(5000)
  })

  test('without allowPrograms, or without the broker for a user’s own, nothing runs', async () => {
    writeFileSync(join(folder, 'f'), '')
    expect(await run('file', join(folder, 'f'))).toMatchObject({ kind: 'failed', reply: { code: 550 } })
    expect(await run('pipe', '|true')).toMatchObject({ kind: 'failed', reply: { code: 550 } })
    expect(await run('pipe', '|true', { ...allowed, as: 'eva' })).toMatchObject({
      kind: 'failed',
      reply: { code: 550 },
    })
  })

  test('a user’s own targets go through the broker', async () => {
    const asUser = {
      available: true,
      deliver: async () => {},
      pipe: async () => ({ code: 75, output: 'later' }),
    }
    expect(await run('file', '/home/eva/Mail/', { asUser, as: 'eva' })).toMatchObject({ kind: 'delivered' })
    expect(await run('pipe', '|x', { asUser, as: 'eva' })).toMatchObject({ kind: 'deferred' })
  })

  test('a folder that cannot be written: deferred', async () => {
    expect(await run('file', join(folder, 'no', 'such', 'dir'), allowed)).toMatchObject({
      kind: 'deferred',
      reply: { code: 451, enhanced: '4.3.0' },
    })
  })
})
