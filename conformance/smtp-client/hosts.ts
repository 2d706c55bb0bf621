// How the host is found that takes mail for a domain: MX, addresses, and what the name server says.
import { isIPv4 } from 'node:net'
import { check, Skipped, visible } from '../judgement.ts'
import { isDomain, must, one, should } from './facts.ts'
import type { Exchange, Host, SmtpClientCase } from './suite.ts'

const DNS = { dns: true } as const

const reached = async (x: Exchange): Promise<string> => {
  const { session } = await x.send()
  return x.hostOf(session)?.name ?? ''
}

/** How many domains show whether equal preferences are shuffled, and over how many hosts: by chance all go to one in 4 of 4^10 runs. */
const SHUFFLES = 10
/** Sets of MX, the hosts in the order of their names. */
const PREFERENCES: readonly (readonly number[])[] = [
  [100, 9, 1000],
  [10, 256, 40_000],
  [10, 0],
  [65_535, 300, 257, 1024],
]
const EQUALS = ['equal1', 'equal2', 'equal3'] as const

export const hostCases: readonly SmtpClientCase[] = [
  must(
    'hosts/mx',
    'RFC 5321 §5.1',
    "Mail goes to the host that the domain's MX names, not to the domain's own address.",
    async (x) => {
      const own = await x.host('own')
      x.names(x.domain, { MX: [[10, x.mx.name]], A: [own.address] })
      const name = await reached(x)
      check(name === x.mx.name, x.mx.name, name)
      check(own.sessions.length === 0, "no connection to the domain's own address", 'one')
    },
    DNS,
  ),
  must(
    'hosts/preference',
    'RFC 5321 §5.1',
    'The MX with the lowest preference is tried first.',
    async (x) => {
      for (const [n, preferences] of PREFERENCES.entries()) {
        const hosts: Host[] = []
        for (const i of preferences.keys()) hosts.push(await x.host(`host${n}${i}`))
        x.names(`p${n}.${x.domain}`, { MX: preferences.map((preference, i) => [preference, hosts[i]!.name]) })
        await x.hand({ to: [`rcpt@p${n}.${x.domain}`] })
        const { session } = await x.until('the message', () => x.mails[n])
        const best = preferences.indexOf(Math.min(...preferences))
        check(
          x.hostOf(session) === hosts[best],
          `${hosts[best]!.name} of ${preferences.join(', ')}`,
          x.hostOf(session)?.name ?? '',
        )
        check(
          hosts.every((host, i) => i === best || host.sessions.length === 0),
          'no other to be tried',
          'one',
        )
      }
    },
    DNS,
  ),
  must(
    'hosts/next-mx',
    'RFC 5321 §5.1',
    'Where the best MX cannot be reached, the next is tried.',
    async (x) => {
      const dead = await x.host('dead', {}, { dead: true })
      const last = await x.host('last')
      x.names(x.domain, {
        MX: [
          [20, last.name],
          [5, dead.name],
          [10, x.mx.name],
        ],
      })
      const name = await reached(x)
      check(name === x.mx.name, x.mx.name, name)
    },
    DNS,
  ),
  should(
    'hosts/next-after-421',
    'RFC 5321 §5.1',
    'Where the best MX greets with 421, the next is tried.',
    async (x) => {
      const busy = await x.host('busy', { on: { GREETING: { lines: ['421 4.3.2 busy'], close: true } } })
      x.names(x.domain, {
        MX: [
          [5, busy.name],
          [10, x.mx.name],
        ],
      })
      const name = await reached(x)
      check(name === x.mx.name, x.mx.name, name)
    },
    DNS,
  ),
  must(
    'hosts/equal-preference',
    'RFC 5321 §5.1',
    'Among MX of equal preference the client picks by chance.',
    async (x) => {
      const hosts = [x.mx]
      for (const label of EQUALS) hosts.push(await x.host(label))
      const mx = hosts.map(({ name }): [number, string] => [10, name])
      for (let n = 0; n < SHUFFLES; n++) x.names(`n${n}.${x.domain}`, { MX: mx })
      for (let n = 0; n < SHUFFLES; n++) {
        if (n > 0) await x.reopen()
        await x.hand({ to: [`rcpt@n${n}.${x.domain}`] })
      }
      await x.until('all messages', () => x.mails.length >= SHUFFLES, x.target.answerMs * 3)
      const counts = hosts.map(({ sessions }) => sessions.reduce((sum, { mails }) => sum + mails.length, 0))
      check(Math.max(...counts) < SHUFFLES, 'several hosts to get some', counts.join(', '))
    },
    DNS,
  ),
  must(
    'hosts/multihomed',
    'RFC 5321 §5.1',
    'Where one address of a host cannot be reached, its others are tried.',
    async (x) => {
      const dead = await x.host('dead', {}, { dead: true })
      const gone = await x.host('gone', {}, { dead: true })
      x.names(x.mx.name, { A: [dead.address, gone.address, x.mx.address] })
      await x.send()
    },
    DNS,
  ),
  must(
    'hosts/implicit',
    'RFC 5321 §5.1',
    'A domain without MX takes mail at its own address.',
    async (x) => {
      x.names(x.domain, { A: [x.mx.address] })
      const name = await reached(x)
      check(name === x.mx.name, x.mx.address, name)
    },
    DNS,
  ),
  must(
    'hosts/unusable-mx',
    'RFC 5321 §5.1',
    "Where an MX has no address, the domain's own address is not used.",
    async (x) => {
      const own = await x.host('own')
      x.names(x.domain, { MX: [[10, `nowhere.${x.domain}`]], A: [own.address] })
      await x.hand()
      await x.never("connection to the domain's own address", () => own.sessions.length > 0)
    },
    DNS,
  ),
  must(
    'hosts/unusable-mx-report',
    'RFC 5321 §5.1',
    'Mail for a domain whose MX do not exist is refused or returned.',
    async (x) => {
      x.names(x.domain, { MX: [[10, `nowhere.${x.domain}`]] })
      x.names(`nowhere.${x.domain}`, null)
      await x.admitted()
      const { code } = await x.offer()
      if (code < 300) await x.report()
    },
    DNS,
  ),
  must(
    'hosts/itself',
    'RFC 5321 §5.1',
    'Where an MX is the MTA itself, neither it nor those behind it are used, and the mail is returned.',
    async (x) => {
      const own = (await x.send()).session.hello
      if (!isDomain(own)) throw new Skipped('the MTA does not tell its name')
      const behind = await x.host('behind')
      x.names(own, { A: [isIPv4(x.target.host) ? x.target.host : '127.0.0.1'] })
      x.names(`loop.${x.domain}`, {
        MX: [
          [10, own.toUpperCase()],
          [20, behind.name],
        ],
      })
      const { code } = await x.offer({ to: [`rcpt@loop.${x.domain}`] })
      if (code < 300) await x.report()
      check(behind.sessions.length === 0, 'no connection to an MX behind it', 'one')
    },
    DNS,
  ),
  must(
    'hosts/alias',
    'RFC 5321 §5.1',
    'A domain that is an alias is taken for what it points to.',
    async (x) => {
      x.names(`alias.${x.domain}`, { CNAME: x.domain })
      await x.hand({ to: [`rcpt@alias.${x.domain}`] })
      await x.mail()
    },
    DNS,
  ),
  must(
    'hosts/null-mx',
    'RFC 7505 §4.1',
    'To a domain with the null MX nothing is sent, to its address neither.',
    async (x) => {
      const own = await x.host('own')
      x.names(x.domain, { MX: [[0, '.']], A: [own.address] })
      await x.admitted()
      const { code } = await x.offer()
      await x.never(
        'connection',
        () => own.sessions.length > 0 || x.mx.sessions.length > 0,
        code < 300 ? undefined : 500,
      )
    },
    DNS,
  ),
  should(
    'hosts/null-mx-report',
    'RFC 7505 §4.1',
    'Mail for a domain with the null MX is refused or returned at once.',
    async (x) => {
      x.names(x.domain, { MX: [[0, '.']] })
      await x.admitted()
      const { code } = await x.offer()
      if (code < 300) await x.report()
    },
    DNS,
  ),
  must(
    'hosts/no-domain',
    'RFC 5321 §5.1',
    'Mail for a domain that does not exist is refused or returned.',
    async (x) => {
      x.names(`gone.${x.domain}`, null)
      await x.admitted()
      const { code } = await x.offer({ to: [`rcpt@gone.${x.domain}`] })
      if (code < 300) await x.report()
    },
    DNS,
  ),
  must(
    'hosts/look-up-fails',
    'RFC 5321 §5.1',
    'Mail whose look-up fails for now is not returned.',
    async (x) => {
      x.names(x.domain, { broken: true })
      await x.admitted()
      const { code, raw } = await x.offer()
      if (code >= 400 && code < 500) return
      check(code < 300, 'the message to be taken, or 4xx', visible(raw))
      await x.until('a look-up', () => x.hub.asked.some(({ name }) => name === x.domain))
      await x.never('report of a failure', () => x.returns.length > 0)
    },
    DNS,
  ),
  must(
    'hosts/mx-look-up-fails',
    'RFC 5321 §5.1',
    'Mail is not returned where the address of the MX cannot be looked up for now.',
    async (x) => {
      const own = await x.host('own')
      const broken = `broken.${x.domain}`
      x.names(x.domain, { MX: [[10, broken]], A: [own.address] })
      x.names(broken, { broken: true })
      await x.admitted()
      const { code, raw } = await x.offer()
      if (code >= 400 && code < 500) return
      check(code < 300, 'the message to be taken, or 4xx', visible(raw))
      await x.until('a look-up', () => x.hub.asked.some(({ name }) => name === broken))
      await x.never('report of a failure', () => x.returns.length > 0)
      check(own.sessions.length === 0, "no connection to the domain's own address", 'one')
    },
    DNS,
  ),
  must(
    'hosts/look-up-again',
    'RFC 5321 §5.1',
    'Mail whose look-up failed is sent when it succeeds.',
    async (x) => {
      x.names(x.domain, { broken: true })
      await x.admitted()
      const { code, raw } = await x.offer()
      if (code >= 400 && code < 500) throw new Skipped(`the MTA does not take it: ${visible(raw)}`)
      await x.until('a look-up', () => x.hub.asked.some(({ name }) => name === x.domain))
      x.names(x.domain, { MX: [[10, x.mx.name]] })
      await x.again()
    },
    { dns: true, retry: true },
  ),
  must(
    'hosts/tcp',
    'RFC 7766 §5',
    'An answer that UDP cuts off is asked for over TCP.',
    async (x) => {
      x.names(x.domain, { MX: [[10, x.mx.name]], truncated: true })
      await x.send()
      check(
        x.hub.asked.some(({ transport, name }) => transport === 'tcp' && name === x.domain),
        'a question over TCP',
        'none',
      )
    },
    DNS,
  ),
  one(
    'hosts/ipv6',
    'RFC 5321 §5.2',
    'may',
    'A host that has an IPv6 address alone is reached.',
    async (x) => {
      if (!(await x.six(x.mx))) throw new Skipped('there is no ::1 here')
      x.names(x.mx.name, { AAAA: ['::1'] })
      await x.send()
    },
    DNS,
  ),
  should(
    'hosts/ipv4-behind-ipv6',
    'RFC 5321 §5.2',
    'A host whose IPv6 address cannot be reached is reached by IPv4.',
    async (x) => {
      x.names(x.mx.name, { AAAA: ['100::1'], A: [x.mx.address] })
      await x.send()
    },
    DNS,
  ),
  should(
    'hosts/literal',
    'RFC 5321 §4.1.3',
    'An address literal is where its mail goes.',
    async (x) => {
      if (!x.hub.manyAddresses) throw new Skipped('needs several addresses')
      const reply = await x.offer({ to: [`rcpt@[${x.mx.address}]`] })
      if (reply.code >= 300) throw new Skipped(`the MTA does not take address literals: "${visible(reply.raw)}"`)
      const mail = await x.mail()
      check(x.hostOf(mail.session) === x.mx, x.mx.address, x.hostOf(mail.session)?.address ?? '')
    },
    DNS,
  ),
]
