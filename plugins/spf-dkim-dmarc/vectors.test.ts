// Public vectors, read where they lie beside the project: the SPF suite of RFC 7208, ARC validation cases, DKIM corpora.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { systemClock } from '../../core/base/clock.ts'
import { temporary } from '../../core/base/failure.ts'
import { reverseName } from '../../core/dns/names.ts'
import type { DnsAnswer, DnsResolver } from '../../core/dns/resolver.ts'
import { CLOCK, DNS_RESOLVER, type MessageAnswer } from '../../core/plugin/contract.ts'
import { type FactsOptions, messageFacts } from '../../test/kit/message-facts.ts'
import { askMessage, setUpPlugin } from '../../test/kit/plugin-entry.ts'
import * as plugin from './index.ts'

const ROOT = fileURLToPath(new URL('../../../shared/vectors/', import.meta.url))
const absent = (folder: string) => (existsSync(ROOT + folder) ? null : `no vectors at ../shared/vectors/${folder}`)

type Records = { readonly [type: string]: readonly unknown[] | 'timeout' }
type Lookup = (name: string) => Records | undefined

/** A resolver over records by type; aliases are followed, a type that is not there is no data. */
function resolverOf(lookup: Lookup): DnsResolver {
  const ask = async <T>(name: string, type: string, make: (record: unknown) => T): Promise<DnsAnswer<T>> => {
    const records = lookup(name.toLowerCase())
    const alias = records?.CNAME?.[0]
    if (alias !== undefined && type !== 'CNAME') return ask(String(alias), type, make)
    const found = records?.[type] ?? records?.['*'] ?? []
    if (found === 'timeout') throw temporary(`DNS: ${type} ${name}: time-out`)
    const status = records === undefined ? 'nxdomain' : found.length === 0 ? 'nodata' : 'ok'
    return { status, records: found.map(make), ttl: 300, secure: false }
  }
  const text = (record: unknown) => (Array.isArray(record) ? record.join('') : String(record))
  const empty = async () => ({ status: 'nodata', records: [], ttl: 300, secure: false }) as const
  return {
    a: (name) => ask(name, 'A', text),
    aaaa: (name) => ask(name, 'AAAA', text),
    mx: (name) =>
      ask(name, 'MX', (record) => {
        const [preference, exchange] = record as [number, string]
        return { preference, exchange }
      }),
    txt: (name) => ask(name, 'TXT', text),
    ptr: (ip) => ask(reverseName(ip) ?? ip, 'PTR', text),
    cname: (name) => ask(name, 'CNAME', text),
    srv: empty,
    tlsa: empty,
  }
}

/** What Authentication-Results and Received-SPF say. */
async function check(raw: string | Buffer, lookup: Lookup, options: FactsOptions = {}): Promise<MessageAnswer> {
  const hooks = await setUpPlugin(plugin, {}, [
    [CLOCK, systemClock],
    [DNS_RESOLVER, resolverOf(lookup)],
  ])
  return askMessage(hooks, messageFacts(raw, options))
}

const field = (answer: MessageAnswer, name: string) => answer.add?.find((f) => f.name === name)?.value ?? ''
const crlf = (text: string) => text.replace(/\r?\n/g, '\r\n')

interface SpfCase {
  readonly helo: string
  readonly host: string
  readonly mailfrom: string
  readonly result: string | string[]
}
interface SpfScenario {
  readonly description: string
  readonly tests: { readonly [name: string]: SpfCase }
  readonly zonedata: { readonly [name: string]: readonly (string | { readonly [type: string]: unknown })[] }
}

/** The suite's notation: an SPF record stands for a TXT record too, unless the name has its own. */
function zoneOf({ zonedata }: SpfScenario): Map<string, Records> {
  const zone = new Map<string, Records>()
  for (const [name, entries] of Object.entries(zonedata)) {
    const records: { [type: string]: unknown[] | 'timeout' } = {}
    for (const entry of entries) {
      if (entry === 'TIMEOUT') records['*'] = 'timeout'
      else if (typeof entry === 'object')
        for (const [type, value] of Object.entries(entry)) {
          const list = records[type] ?? []
          if (value === 'TIMEOUT') records[type] = 'timeout'
          else if (list !== 'timeout' && value !== 'NONE') records[type] = [...list, value]
        }
    }
    const ownText = entries.some((entry) => typeof entry === 'object' && 'TXT' in entry)
    if (!ownText && records.SPF !== undefined) records.TXT = records.SPF
    zone.set(name.toLowerCase(), records)
  }
  return zone
}

describe('SPF suite of RFC 7208', () => {
  test('all 203 cases', async (context) => {
    const reason = absent('spf')
    if (reason) return context.skip(reason)
    const scenarios = parseAllDocuments(readFileSync(`${ROOT}spf/rfc7208-tests.yml`, 'utf8'), { merge: true })
    let count = 0
    const wrong: string[] = []
    for (const document of scenarios) {
      const scenario = document.toJS() as SpfScenario | null
      if (!scenario?.tests) continue
      const zone = zoneOf(scenario)
      for (const [name, { helo, host, mailfrom, result }] of Object.entries(scenario.tests)) {
        count += 1
        const facts = messageFacts('From: a@b.test\r\n\r\n', { remoteIp: host, helo, from: null })
        const at = mailfrom.lastIndexOf('@')
        // the suite's senders go beyond what MAIL takes: they are given as they are
        const reversePath =
          mailfrom === ''
            ? null
            : { local: mailfrom.slice(0, Math.max(at, 0)), domain: mailfrom.slice(at + 1), original: mailfrom }
        const hooks = await setUpPlugin(plugin, {}, [
          [CLOCK, systemClock],
          [DNS_RESOLVER, resolverOf((question) => zone.get(question))],
        ])
        const answer = await askMessage(hooks, { ...facts, reversePath })
        const got = /^\w+/.exec(field(answer, 'Received-SPF'))?.[0] ?? 'nothing'
        if (![result].flat().includes(got)) wrong.push(`${scenario.description} / ${name}: ${got}, not ${result}`)
      }
    }
    expect(wrong).toEqual([])
    expect(count).toBe(203)
  })
})

interface ArcScenario {
  readonly tests: { readonly [name: string]: { readonly message: string; readonly cv: string } }
  readonly 'txt-records': { readonly [name: string]: string }
}

/** Seals without `c=` or with an empty `h=`: the suite takes them, strict mode does not. */
const STRICTER = new Set(['ams_fields_c_na', 'ams_fields_h_empty'])

describe('ARC validation suite', () => {
  test('all 171 cases', async (context) => {
    const reason = absent('arc')
    if (reason) return context.skip(reason)
    const scenarios = parseAllDocuments(readFileSync(`${ROOT}arc/arc-draft-validation-tests.yml`, 'utf8'))
    let count = 0
    const wrong: string[] = []
    for (const document of scenarios) {
      const scenario = document.toJS() as ArcScenario | null
      if (!scenario?.tests) continue
      const records = new Map(Object.entries(scenario['txt-records'] ?? {}).map(([k, v]) => [k.toLowerCase(), v]))
      const lookup: Lookup = (name) =>
        records.has(name) ? { TXT: [records.get(name)!.replace(/\s*\n\s*/g, '')] } : undefined
      for (const [name, { message, cv }] of Object.entries(scenario.tests)) {
        count += 1
        const answer = await check(crlf(message ?? ''), lookup)
        const got = /\barc=(\w+)/.exec(field(answer, 'Authentication-Results'))?.[1] ?? 'none'
        // a chain that came with cv=fail: the suite leaves the outcome open, RFC 8617 §5.2 does not
        const expected = cv.trim() === '' ? 'fail' : cv.trim().toLowerCase()
        if (got !== expected && !STRICTER.has(name)) wrong.push(`${name}: ${got}, not ${expected}`)
      }
    }
    expect(wrong).toEqual([])
    expect(count).toBe(171)
  })
})

describe('DKIM corpora', () => {
  test('of Mail::DKIM', async (context) => {
    const reason = absent('dkim/mail-dkim')
    if (reason) return context.skip(reason)
    const lines = readFileSync(`${ROOT}dkim/mail-dkim/FAKE_DNS.dat`, 'utf8').split('\n')
    const records = new Map(
      lines
        .filter((line) => /^[^#\s]+\s/.test(line))
        .map((line) => [line.split(/\s/)[0]!.toLowerCase(), line.replace(/^\S+\s+/, '')]),
    )
    const lookup: Lookup = (name) => {
      const record = records.get(name)
      return record === undefined || record === 'NXDOMAIN' ? undefined : { TXT: [record] }
    }
    const results = new Map<string, string[]>()
    for (const file of readdirSync(`${ROOT}dkim/mail-dkim/corpus`)) {
      const answer = await check(crlf(readFileSync(`${ROOT}dkim/mail-dkim/corpus/${file}`, 'latin1')), lookup)
      results.set(file, (answer.detail ?? '').match(/(?<=dkim=)\w+/g) ?? [])
    }
    const withResult = (prefix: RegExp, result: string) =>
      [...results].filter(([file, found]) => prefix.test(file) && found.includes(result)).map(([file]) => file)
    expect(results.size).toBeGreaterThan(70)
    expect(withResult(/^(bad|badkey|ignore|dk)_/, 'pass')).toEqual([])
    // all other good ones have keys of 512 bits or rsa-sha1 (RFC 8301): signed right, but not to be counted
    expect(withResult(/^good/, 'pass')).toEqual(['goodkey_ed25519.txt'])
    expect(withResult(/^good/, 'fail')).toEqual([])
  })

  test.for<[string, string[]]>([
    ['001.txt', ['pass', 'pass']],
    ['002.txt', ['pass']],
    ['003.txt', ['pass', 'pass']],
    ['004.txt', ['pass']],
    ['005.txt', ['neutral']], // expired
    ['006.txt', ['pass']],
  ])('of mail-auth: %s', async ([file, expected], context) => {
    const reason = absent('dkim/mail-auth')
    if (reason) return context.skip(reason)
    const text = readFileSync(`${ROOT}dkim/mail-auth/${file}`, 'latin1').replace(/\r\n/g, '\n')
    const split = text.indexOf('\n\n')
    const records = new Map(
      text
        .slice(0, split)
        .split('\n')
        .map((line) => [line.split(' ')[0]!.toLowerCase(), line.slice(line.indexOf(' ') + 1)]),
    )
    const answer = await check(crlf(text.slice(split + 2)), (name) =>
      records.has(name) ? { TXT: [records.get(name)] } : undefined,
    )
    expect((answer.detail ?? '').match(/(?<=dkim=)\w+/g)).toEqual(expected)
  })
})
