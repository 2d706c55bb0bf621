import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LoadOptions, loadConfig } from './load.ts'
import { ConfigError } from './problems.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-config-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}
const load = (text: string, options: LoadOptions = {}) => loadConfig({ path: write('estafeta.yaml', text), ...options })

/** The report of a configuration that must not load, without the folder's name. */
function report(text: string, options: LoadOptions = {}): string {
  try {
    load(text, options)
  } catch (error) {
    if (error instanceof ConfigError) return error.format().replaceAll(`${folder}/`, '')
    throw error
  }
  throw new Error('it loaded')
}

const SITE = 'profile: internet-site\nhostname: mail.example.com\ndomains: [example.com]\npostmaster: ana\n'

describe('a good file', () => {
  it('answers its profile and keeps the defaults', () => {
    const { site, plugins, profile } = load(SITE)
    expect(profile).toBe('internet-site')
    expect(site).toMatchObject({
      hostname: 'mail.example.com',
      origin: 'example.com',
      domains: ['example.com'],
      data: '/var/lib/estafeta',
      limits: { messageSize: 50 * 2 ** 20, mailboxSize: 0 },
      queue: { lifetime: 5 * 86_400_000, warnAfter: 4 * 3_600_000 },
      users: { file: '/var/lib/estafeta/users.yaml', system: false },
      relay: null,
      tls: null,
    })
    expect(site.listen.map(({ service, host, port }) => `${service} ${host} ${port}`)).toContain('smtp * 25')
    expect(plugins[0]).toMatchObject({ name: 'access', use: 'access', onError: 'defer', enabled: true, settings: {} })
  })
  it('may be empty', () => expect(load('').site.listen).toEqual([]))
  it('takes internationalized domains in their key form', () => {
    expect(load('hostname: m.example.com\ndomains: [Bücher.example]').site.domains).toEqual(['xn--bcher-kva.example'])
  })
  it('has short forms: a listener as text or list, a relay as text, list or map', () => {
    const relay = (text: string) => load(`relay: ${text}`).site.relay
    expect(relay('"[a.example]:587"')).toEqual({
      hosts: ['[a.example]:587'],
      username: null,
      password: null,
      tls: 'verify',
    })
    expect(relay('[a.example, b.example]')).toMatchObject({ hosts: ['a.example', 'b.example'] })
    expect(relay('{ host: a.example, username: u, password: p, tls: implicit }')).toEqual({
      hosts: ['a.example'],
      username: 'u',
      password: 'p',
      tls: 'implicit',
    })
    const { listen } = load(
      'listen: { smtp: "127.0.0.1:2525", imap: ["[::1]:0"], lmtp: { addresses: [./l.sock], mode: "0660" } }',
    ).site
    expect(listen).toEqual([
      { service: 'smtp', host: '127.0.0.1', port: 2525, path: null, options: {} },
      { service: 'lmtp', host: '', port: 0, path: join(folder, 'l.sock'), options: { mode: '0660' } },
      { service: 'imap', host: '::1', port: 0, path: null, options: {} },
    ])
  })
})

describe('profile and site', () => {
  beforeEach(() => {
    write(
      'profiles/mine.yaml',
      [
        'about: For a test',
        'questions: [{ key: hostname, ask: Which name?, required: true }]',
        'networks: [192.0.2.0/24]',
        'limits: { messageSize: 1MiB, recipients: 200 }',
        'listen: { smtp: ["*:25"], imap: ["*:143"] }',
        'data: ./state',
        'plugins:',
        '  one: { onError: pass, lists: [a, b], deep: { x: 1, y: 2 } }',
        '  two: { onError: defer }',
      ].join('\n'),
    )
  })
  const mine = (text: string) => load(`profile: ./profiles/mine.yaml\nhostname: a.example\n${text}`)

  it('merges maps deeply, replaces lists, and resets with null', () => {
    const { site, plugins } = mine(
      'networks: [198.51.100.0/24]\nlimits: { recipients: 300 }\nlisten: { imap: null }\nplugins: { one: { lists: [c], deep: { x: 3 } }, two: null, three: { onError: reject } }',
    )
    expect(site.networks).toEqual(['198.51.100.0/24'])
    expect(site.limits).toMatchObject({ messageSize: 2 ** 20, recipients: 300 })
    expect(site.listen.map(({ service }) => service)).toEqual(['smtp'])
    expect(plugins.map(({ name, settings }) => [name, settings])).toEqual([
      ['one', { lists: ['c'], deep: { x: 3, y: 2 } }],
      ['three', {}],
    ])
    expect(mine('limits: { messageSize: null }').site.limits.messageSize).toBe(50 * 2 ** 20)
  })
  it('takes paths as relative to the file that they stand in', () => {
    const { site, plugins } = mine(
      'tls: { cert: c.pem, key: ../k.pem }\nplugins: { three: { use: ./three.ts, onError: pass, map: ./m, word: m } }',
    )
    expect(site.data).toBe(join(folder, 'profiles/state'))
    expect(site.tls).toEqual({ cert: join(folder, 'c.pem'), key: join(folder, '../k.pem') })
    expect(plugins[2]).toMatchObject({
      use: join(folder, 'three.ts'),
      folder,
      settings: { map: join(folder, 'm'), word: 'm' },
    })
  })
  it('lets overrides win over both, and null of theirs reset', () => {
    const { site } = load('profile: ./profiles/mine.yaml\nhostname: a.example\n', {
      path: join(folder, 'estafeta.yaml'),
      overrides: { hostname: 'b.example', limits: { messageSize: null }, listen: { smtp: ['127.0.0.1:0'] } },
    })
    expect(site).toMatchObject({ hostname: 'b.example', limits: { messageSize: 50 * 2 ** 20 } })
    expect(site.listen[0]).toMatchObject({ host: '127.0.0.1', port: 0 })
  })
  it('knows where each setting stands', () => {
    const { locate } = mine('limits: { recipients: 300 }')
    expect(locate(['limits', 'recipients'])).toEqual({ file: join(folder, 'estafeta.yaml'), line: 3, column: 11 })
    expect(locate(['limits', 'messageSize'])).toEqual({ file: join(folder, 'profiles/mine.yaml'), line: 4, column: 11 })
    expect(locate(['limits', 'mailboxSize'])).toBeNull()
  })
  it('asks for the answers that the profile cannot do without', () => {
    expect(report('profile: ./profiles/mine.yaml')).toBe(
      'estafeta.yaml:1:1: hostname: missing: profile ./profiles/mine.yaml asks: Which name?',
    )
    expect(report('profile: ./profiles/mine.yaml\nhostname:')).toContain('hostname: missing')
  })
  it('takes the setting that a default names for one that is left out', () => {
    const { site } = load('profile: local-only\nhostname: host.example.com\npostmaster: ana\n')
    expect(site).toMatchObject({ domains: ['host.example.com', 'localhost'], origin: 'host.example.com' })
    expect(load('profile: local-only\nhostname: a.b\ndomains: [c.d]\npostmaster: ana\n').site.domains).toEqual(['c.d'])
  })

  it('refuses a profile that names another, and finds the nearest name of an unknown one', () => {
    write('profiles/mine.yaml', 'profile: demo\nabout: x')
    expect(report('profile: ./profiles/mine.yaml')).toContain(
      'profiles/mine.yaml:1:1: profile: a profile cannot name another',
    )
    expect(report('profile: internetsite')).toContain(
      "estafeta.yaml:1:1: profile: unknown profile (did you mean 'internet-site'?)",
    )
  })
})

describe('mistakes', () => {
  it('come all in one report, each with line, column, what was expected and the nearest right name', () => {
    expect(
      report(`
profile: internet-site
hostnam: mail.example.com
domains: [example.com, "a b"]
postmaster: ana
queue: { lifetime: 5x, warnafter: 3h, minFree: -1 }
listen:
  smpt: ["127.0.0.1:0"]
  http: ["127.0.0.1:8080"]
  imap: ["*143", "*:70000"]
  pop3: ["*:25"]
users: { ldap: x }
store: { format: postgres }
relay: { host: "mail.provider.net:587", username: ana, tls: verfy }
bareLineFeed: normalize
networks: 192.0.2.0/24
limits: { recipients: 5, messageSize: true }
plugins:
  lottery: { use: ./filters/lottery.ts, after: acess, listeners: [smpt] }
  idle: { use: ./filters/idle.ts, onError: pass, listeners: [], timeout: 0 }
  rbl: false
  clamav: yes please
`),
    ).toMatchInlineSnapshot(`
      "estafeta.yaml:2:1: hostname: missing: profile internet-site asks: What is the full name of this machine? (for example mail.example.com)
      estafeta.yaml:3:1: hostnam: unknown key (did you mean 'hostname'?)
      estafeta.yaml:4:24: domains[1]: expected a domain name such as example.com, not 'a b'
      estafeta.yaml:6:10: queue.lifetime: expected a duration such as 30s, 4h or 5d (units: ms s m h d w), not '5x'
      estafeta.yaml:6:24: queue.warnafter: unknown key (did you mean 'warnAfter'?)
      estafeta.yaml:6:39: queue.minFree: expected a size such as 50MiB, 200KB or 0, not -1
      estafeta.yaml:8:3: listen.smpt: unknown key (did you mean 'smtp'?)
      estafeta.yaml:9:3: listen.http: the service 'http' is not built in this version
      estafeta.yaml:10:10: listen.imap.addresses[0]: expected an address with a port, such as "*:25", "127.0.0.1:25" or "[::1]:25", or the path of a socket, not '*143'
      estafeta.yaml:10:18: listen.imap.addresses[1]: port 70000 is above 65535
      estafeta.yaml:11:10: listen.pop3: *:25 is already taken by 'smtp'
      estafeta.yaml:12:10: users.ldap: the user source 'ldap' is not built in this version
      estafeta.yaml:13:10: store.format: 'postgres' is not built in this version
      estafeta.yaml:14:56: relay.tls: expected one of none, may, encrypt, verify, implicit, not 'verfy' (did you mean 'verify'?)
      estafeta.yaml:15:1: bareLineFeed: expected one of reject, normalise, not 'normalize' (did you mean 'normalise'?)
      estafeta.yaml:16:1: networks: expected a list, not '192.0.2.0/24'
      estafeta.yaml:17:11: limits.recipients: expected at least 100 (RFC 5321 §4.5.3.1.8), not 5
      estafeta.yaml:17:26: limits.messageSize: expected a size, not true
      estafeta.yaml:19:3: plugins.lottery.onError: missing: say what its failure means: defer, reject or pass
      estafeta.yaml:19:41: plugins.lottery.after: no plugin entry is called 'acess' (did you mean 'access'?)
      estafeta.yaml:19:67: plugins.lottery.listeners: no service is called 'smpt' (did you mean 'smtp'?)
      estafeta.yaml:20:50: plugins.idle.listeners: no service is named: leave it out for all, or say 'enabled: false'
      estafeta.yaml:20:65: plugins.idle.timeout: no hook answers in no time: leave it out for the default
      estafeta.yaml:21:3: plugins.rbl: expected a map of keys ('{ enabled: false }' leaves it out), not false
      estafeta.yaml:22:3: plugins.clamav: expected a map of keys, not 'yes please'"
    `)
  })
  it.each([
    ['listen: { smtp: [*:25] }', 'in quotes'],
    ['a: [1, 2', 'estafeta.yaml:1:'],
    ['hostname: a.example\nhostname: b.example', 'estafeta.yaml:2:1: Map keys must be unique'],
    ['- a\n- b', 'estafeta.yaml:1:1: expected keys and values'],
    ['? [a]\n: b', 'a key must be a plain word'],
    ['hostname: a.example\n---\norigin: b.example', "estafeta.yaml:2:1: a second document ('---')"],
  ])('of YAML itself are told with their place: %s', (text, told) => expect(report(text)).toContain(told))

  it('is a password without TLS, or without a user name', () => {
    expect(report('relay: { host: a.example, username: u, password: p, tls: may }')).toContain(
      'a password is only sent over TLS',
    )
    expect(report('relay: { host: a.example, password: p }')).toContain('username and password go together')
  })
  it('is the same address for two services', () => {
    expect(report('listen: { smtp: ["*:25"], lmtp: ["*:25"] }')).toContain(
      "listen.lmtp: *:25 is already taken by 'smtp'",
    )
  })
  it.each([
    ['"*:25"', '127.0.0.1:25'],
    ['127.0.0.1:25', '"[::]:25"'],
    ['0.0.0.0:25', '"*:25"'],
    ['0.0.0.0:25', '127.0.0.1:25'],
    ['./a.sock', './a.sock'],
  ])('is an address of which another is part: %s and %s', (one, other) =>
    expect(report(`listen: { smtp: [${one}], lmtp: [${other}] }`)).toMatch(
      /^estafeta.yaml:1:\d+: listen.lmtp: .* taken by 'smtp'$/,
    ),
  )
  it('are not addresses that can stand side by side', () =>
    expect(
      load(
        'listen: { smtp: ["*:25", "*:0", 127.0.0.1:24], lmtp: ["*:0", 127.0.0.2:24], pop3: [0.0.0.0:110, "[::1]:110"] }',
      ).site.listen,
    ).toHaveLength(7))
  it('are all told, also beside a listener with several of them', () => {
    expect(
      report('listen: { smtp: ["*:x"], imap: { adresses: ["*:143"], auth: maybe } }\nqueue: { lifetime: soon }').split(
        '\n',
      ),
    ).toEqual([
      expect.stringContaining('listen.smtp.addresses[0]: expected'),
      expect.stringContaining('listen.imap.addresses: missing'),
      expect.stringContaining("listen.imap.adresses: unknown key (did you mean 'addresses'?)"),
      expect.stringContaining('listen.imap.auth: expected true or false'),
      expect.stringContaining('queue.lifetime: expected a duration'),
    ])
  })
  it('is a file that is not there', () => {
    expect(() => loadConfig({ path: join(folder, 'none.yaml') })).toThrow(/cannot read .*none\.yaml/)
  })
})
