// The server under test as the user describes it: defaults, and a clear word about what is wrong.
import { Blocked } from './judgement.ts'
import { CONSENTS, type Consent, type Endpoint, type Target, type TlsMode } from './types.ts'

/** As given by flags, by a target file or by another program; all but the host have defaults. */
export interface TargetOptions {
  readonly host?: string
  readonly port?: number
  readonly tls?: TlsMode
  readonly user?: string
  readonly password?: string
  readonly from?: string
  readonly rcpt?: string
  readonly rcpt2?: string
  readonly unknown?: string
  readonly helo?: string
  readonly feed?: string
  readonly consent?: readonly (Consent | 'all')[]
  readonly answerSeconds?: number
  /** `127.0.0.1:2526`, as is `dns`. */
  readonly listen?: string
  readonly dns?: string
  readonly retryWaitSeconds?: number
}

const ADDRESS = /^[^\s@<>]+@[^\s@<>]+$/
const NAMES =
  'host port tls user password from rcpt rcpt2 unknown helo feed consent answerSeconds listen dns retryWaitSeconds'.split(
    ' ',
  )

/** Throws Blocked with every mistake it found. */
export function createTarget(options: TargetOptions, ports: { readonly plain: number; readonly tls: number }): Target {
  const problems = problemsOf(options)
  if (problems.length > 0) throw new Blocked(problems.join('; '))
  const { tls = 'none', rcpt = null, user = null, consent = [] } = options
  return {
    host: options.host!,
    port: options.port ?? (tls === 'implicit' ? ports.tls : ports.plain),
    tls,
    user,
    password: options.password ?? null,
    from: options.from ?? (user?.includes('@') ? user : rcpt) ?? 'conformance@example.org',
    rcpt,
    rcpt2: options.rcpt2 ?? null,
    unknown: options.unknown ?? (rcpt === null ? null : `no-such-user-here@${rcpt.slice(rcpt.lastIndexOf('@') + 1)}`),
    helo: options.helo ?? 'conformance.example.org',
    feed: options.feed ?? null,
    consent: consent.includes('all') ? CONSENTS : (consent as readonly Consent[]),
    listen: endpointOf(options.listen),
    dns: endpointOf(options.dns),
    retryMs: options.retryWaitSeconds === undefined ? null : options.retryWaitSeconds * 1000,
    answerMs: (options.answerSeconds ?? 10) * 1000,
  }
}

const ENDPOINT = /^(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})$/

function endpointOf(text: string | undefined): Endpoint | null {
  const [, host, port] = ENDPOINT.exec(text ?? '') ?? []
  return host === undefined ? null : { host, port: Number(port) }
}

function problemsOf(options: TargetOptions): string[] {
  const { port, tls, consent, answerSeconds, feed } = options
  const addresses = (['from', 'rcpt', 'rcpt2', 'unknown'] as const).filter(
    (name) => options[name] !== undefined && !ADDRESS.test(options[name]),
  )
  return [
    ...Object.keys(options)
      .filter((name) => !NAMES.includes(name))
      .map((name) => `unknown key ${name}; there are ${NAMES.join(', ')}`),
    ...(options.host ? [] : ['no host (--host)']),
    ...(port === undefined || (Number.isInteger(port) && port > 0 && port < 65536)
      ? []
      : ['the port wants 1 to 65535']),
    ...(tls === undefined || ['none', 'starttls', 'implicit'].includes(tls)
      ? []
      : ['tls is none, starttls or implicit']),
    ...addresses.map((name) => `${name} wants an address, such as ana@example.com`),
    ...(feed === undefined || /^(smtp|lmtp):\/\/[^/:]+:\d+$/.test(feed)
      ? []
      : ['feed wants smtp://host:port or lmtp://host:port']),
    ...(consent ?? [])
      .filter((kind) => kind !== 'all' && !CONSENTS.includes(kind))
      .map((kind) => `no consent named ${kind}; there are ${CONSENTS.join(', ')} and all`),
    ...(['listen', 'dns'] as const)
      .filter((name) => options[name] !== undefined && !ENDPOINT.test(options[name]))
      .map((name) => `${name} wants an IPv4 address and a port, such as 127.0.0.1:2526`),
    ...(options.retryWaitSeconds === undefined || options.retryWaitSeconds > 0
      ? []
      : ['retryWaitSeconds wants a positive number']),
    ...(answerSeconds === undefined || answerSeconds > 0 ? [] : ['answerSeconds wants a positive number']),
  ]
}
