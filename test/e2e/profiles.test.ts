// Each profile as a running server: what it accepts, what it refuses, what it relays, and where mail ends.
// The outside world is a second Estafeta, found through a fake DNS; strangers connect from 127.0.0.1, the site's own network is 127.0.0.2.
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../kit/free-port.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../kit/server.ts'

const OWN_NETWORK = '127.0.0.2'
const USERS = { 'ana@here.test': 'secret-ana', 'paco@here.test': 'secret-paco' }

interface Letter {
  from: string
  to: string
  /** Where the client connects from. */
  via?: string
  service?: 'smtp' | 'submission'
  login?: string
  subject?: string
}

/** The reply's code: 250 when it was taken. */
async function send(server: TestServer, letter: Letter): Promise<number> {
  const transport = createTransport({
    host: '127.0.0.1',
    port: server.port(letter.service ?? 'smtp'),
    ...(letter.service === 'submission' ? { requireTLS: true } : { ignoreTLS: true }),
    localAddress: letter.via ?? '127.0.0.1',
    tls: { rejectUnauthorized: false },
    ...(letter.login ? { auth: { user: letter.login, pass: USERS[letter.login as keyof typeof USERS] } } : {}),
  })
  try {
    await transport.sendMail({ from: letter.from, to: letter.to, subject: letter.subject ?? 'hello', text: 'hello' })
    return 250
  } catch (thrown) {
    return (thrown as { responseCode?: number }).responseCode ?? 0
  }
}

async function subjects(server: TestServer, account: string): Promise<string[]> {
  const mail = await server.store.account(account)
  const inbox = await mail.open('INBOX')
  const found: string[] = []
  for await (const batch of inbox.headers(inbox.uids())) {
    for (const { header } of batch) found.push(/^subject: (.*)\r$/im.exec(header.toString('latin1'))?.[1] ?? '')
  }
  inbox.close()
  mail.close()
  return found
}

let away: TestServer
let awayPort: number

/** A site here.test under a profile; away.test is the second server. */
function site(
  profile: string,
  config: TestServerOptions['config'] = {},
  users: { readonly [account: string]: string } = USERS,
): Promise<TestServer> {
  return startTestServer({
    users,
    zone: {
      'away.test': { MX: [[10, 'mx.away.test']] },
      'mx.away.test': { A: ['127.0.0.1'] },
      'here.test': { MX: [[10, 'mx.here.test']] },
    },
    config: {
      profile,
      hostname: 'mx.here.test',
      origin: 'here.test',
      domains: ['here.test'],
      postmaster: 'ana@here.test',
      networks: [`${OWN_NETWORK}/32`],
      ...config,
    },
  })
}

beforeAll(async () => {
  awayPort = await freePort()
  away = await startTestServer({
    users: { 'x@away.test': 'secret-x' },
    config: {
      profile: 'internet-site',
      hostname: 'mx.away.test',
      origin: 'away.test',
      domains: ['away.test'],
      postmaster: 'x@away.test',
      networks: ['192.0.2.0/24'],
      listen: { smtp: [`127.0.0.1:${awayPort}`] },
    },
  })
})
afterAll(() => away.end())

describe('internet-site', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await site('internet-site', { plugins: { 'deliver-smtp': { port: awayPort } } })
  })
  afterAll(() => server.end())

  test('a stranger reaches users here, and nobody else', async () => {
    expect(await send(server, { from: 's@away.test', to: 'ana@here.test', subject: 'from a stranger' })).toBe(250)
    await server.logged(/to=<ana@here\.test>.*status=sent/)
    await expect.poll(() => subjects(server, 'ana@here.test'), { timeout: 10_000 }).toEqual(['from a stranger'])
    expect(await send(server, { from: 's@away.test', to: 'nobody@here.test' })).toBe(550)
    expect(await send(server, { from: 's@away.test', to: 'x@elsewhere.test' })).toBe(550)
  })
  test('postmaster and root are read by the one who was named', async () => {
    expect(await send(server, { from: 's@away.test', to: 'postmaster@here.test', subject: 'to postmaster' })).toBe(250)
    await server.logged(/orig_to=<postmaster|to=<ana@here\.test>/)
  })
  test('a user with a password sends to anybody, straight to the other site, as nobody but itself', async () => {
    expect(
      await send(server, {
        service: 'submission',
        from: 'ana@here.test',
        to: 'x@away.test',
        login: 'ana@here.test',
        subject: 'out',
      }),
    ).toBe(250)
    await away.logged(/to=<x@away\.test>.*status=sent/)
    await expect.poll(() => subjects(away, 'x@away.test'), { timeout: 10_000 }).toContain('out')
    expect(
      await send(server, { service: 'submission', from: 'paco@here.test', to: 'x@away.test', login: 'ana@here.test' }),
    ).toBe(550)
    expect(await send(server, { service: 'submission', from: 'ana@here.test', to: 'x@away.test' })).toBe(530)
  })
  test('the site’s own network relays without a password', async () => {
    expect(
      await send(server, { via: OWN_NETWORK, from: 'ana@here.test', to: 'x@away.test', subject: 'from the network' }),
    ).toBe(250)
    await away.logged(/from=<ana@here\.test>/)
  })
  test('mail that the other site refuses comes back as a report', async () => {
    expect(await send(server, { via: OWN_NETWORK, from: 'paco@here.test', to: 'nobody@away.test' })).toBe(250)
    await server.logged(/to=<nobody@away\.test>.*dsn=5\.1\.1, status=bounced/)
    await server.logged(/to=<paco@here\.test>.*status=sent/)
    await expect
      .poll(() => subjects(server, 'paco@here.test'), { timeout: 10_000 })
      .toEqual(['Undelivered mail returned to sender'])
  })
})

describe('smarthost', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await site('smarthost', { relay: { host: `[127.0.0.1]:${awayPort}`, tls: 'may' } })
  })
  afterAll(() => server.end())

  test('mail for users ends here, everything else goes to the smarthost', async () => {
    expect(await send(server, { from: 's@away.test', to: 'ana@here.test', subject: 'in' })).toBe(250)
    await server.logged(/to=<ana@here\.test>.*status=sent/)
    expect(
      await send(server, {
        service: 'submission',
        from: 'ana@here.test',
        to: 'x@away.test',
        login: 'ana@here.test',
        subject: 'through the smarthost',
      }),
    ).toBe(250)
    await server.logged(/to=<x@away\.test>, relay=.*127\.0\.0\.1.*status=sent/)
    await away.logged(/to=<x@away\.test>.*status=sent/)
    await expect.poll(() => subjects(away, 'x@away.test'), { timeout: 10_000 }).toContain('through the smarthost')
    expect(await send(server, { from: 's@away.test', to: 'x@away.test' })).toBe(550)
  })
})

describe('satellite', () => {
  test('everything leaves through the smarthost; strangers are refused; postmaster’s mail goes where it is read', async () => {
    const server = await site(
      'satellite',
      {
        hostname: 'build.here.test',
        relay: { host: `[127.0.0.1]:${awayPort}`, tls: 'may' },
        postmaster: 'x@away.test',
        domains: [],
        listen: { smtp: ['127.0.0.1:0'] },
      },
      {},
    )
    try {
      expect(
        await send(server, { via: OWN_NETWORK, from: 'job@here.test', to: 'x@away.test', subject: 'from a satellite' }),
      ).toBe(250)
      await server.logged(/to=<x@away\.test>.*status=sent/)
      expect(
        await send(server, {
          via: OWN_NETWORK,
          from: 'job@here.test',
          to: 'root@build.here.test',
          subject: 'for root',
        }),
      ).toBe(250)
      await server.logged(/to=<x@away\.test>, orig_to=<root|to=<x@away\.test>.*status=sent/)
      expect(await send(server, { from: 's@away.test', to: 'x@away.test' })).toBe(550)
    } finally {
      await server.end()
    }
  })
})

describe('null-client', () => {
  test('sends everything to the smarthost and takes nothing in', async () => {
    const server = await site(
      'null-client',
      { relay: { host: `[127.0.0.1]:${awayPort}`, tls: 'may' }, domains: [], listen: { smtp: ['127.0.0.1:0'] } },
      {},
    )
    try {
      expect(
        await send(server, {
          via: OWN_NETWORK,
          from: 'web@here.test',
          to: 'x@away.test',
          subject: 'from a null client',
        }),
      ).toBe(250)
      await server.logged(/to=<x@away\.test>.*status=sent/)
      expect(await send(server, { from: 's@away.test', to: 'ana@here.test' })).toBe(550)
      expect(() => server.port('imap')).toThrow('does not listen')
    } finally {
      await server.end()
    }
  })
})

describe('inbound-only', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await site('inbound-only', {
      networks: [],
      listen: { smtp: ['127.0.0.1:0'], imap: ['127.0.0.1:0'], imaps: [], pop3: [], pop3s: [] },
      plugins: { 'deliver-smtp': { port: awayPort } },
    })
  })
  afterAll(() => server.end())

  test('users here get their mail; nobody sends through it, from whatever network', async () => {
    expect(await send(server, { from: 's@away.test', to: 'ana@here.test', subject: 'in' })).toBe(250)
    await server.logged(/to=<ana@here\.test>.*status=sent/)
    expect(await send(server, { from: 's@away.test', to: 'x@away.test' })).toBe(550)
    expect(await send(server, { via: OWN_NETWORK, from: 'ana@here.test', to: 'x@away.test' })).toBe(550)
    expect(() => server.port('submission')).toThrow('does not listen')
  })
})

describe('outbound-relay', () => {
  test('relays for its network and its users, straight to other sites, and keeps no mail', async () => {
    const server = await site('outbound-relay', {
      domains: [],
      postmaster: 'x@away.test',
      listen: { smtp: ['127.0.0.1:0'], submission: ['127.0.0.1:0'], submissions: [] },
      plugins: { 'deliver-smtp': { port: awayPort } },
    })
    try {
      expect(
        await send(server, { via: OWN_NETWORK, from: 'ana@here.test', to: 'x@away.test', subject: 'relayed' }),
      ).toBe(250)
      await server.logged(/to=<x@away\.test>.*status=sent/)
      await expect.poll(() => subjects(away, 'x@away.test'), { timeout: 10_000 }).toContain('relayed')
      expect(
        await send(server, { service: 'submission', from: 'ana@here.test', to: 'x@away.test', login: 'ana@here.test' }),
      ).toBe(250)
      expect(await send(server, { from: 's@away.test', to: 'x@away.test' })).toBe(550)
      expect(await send(server, { from: 's@away.test', to: 'ana@here.test' })).toBe(550)
    } finally {
      await server.end()
    }
  })
})

describe('local-only', () => {
  test('mail between the users of one machine, nothing in or out; without root it lies in the site’s own store', async () => {
    const server = await site(
      'local-only',
      { networks: [], users: { file: null, system: true }, postmaster: 'daemon', listen: { smtp: ['127.0.0.1:0'] } },
      {},
    )
    try {
      expect(await send(server, { from: 'root@here.test', to: 'daemon@here.test', subject: 'local' })).toBe(250)
      await server.logged(/to=<daemon@here\.test>.*status=sent/)
      expect(await send(server, { from: 'daemon@here.test', to: 'x@away.test' })).toBe(550)
      expect(await send(server, { from: 'daemon@here.test', to: 'no-such-user@here.test' })).toBe(550)
    } finally {
      await server.end()
    }
  })
})

describe('demo', () => {
  test('mail for its users is kept, mail for others is dropped on record, and the magic addresses fail', async () => {
    const server = await site(
      'demo',
      {
        hostname: 'estafeta.test',
        origin: 'estafeta.test',
        domains: ['estafeta.test'],
        networks: ['127.0.0.0/8'],
        postmaster: 'ana@estafeta.test',
      },
      { 'ana@estafeta.test': 'x' },
    )
    try {
      expect(await send(server, { from: 'a@b.test', to: 'ana@estafeta.test' })).toBe(250)
      await server.logged(/to=<ana@estafeta\.test>.*status=sent/)
      expect(await send(server, { from: 'a@b.test', to: 'x@away.test' })).toBe(250)
      await server.logged(/to=<x@away\.test>.*status=discarded/)
      expect(await send(server, { from: 'ana@estafeta.test', to: 'permerror@estafeta.test' })).toBe(250)
      await server.logged(/to=<permerror@estafeta\.test>.*status=bounced/)
    } finally {
      await server.end()
    }
  })
})
