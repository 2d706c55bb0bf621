// How the cases of an opened mailbox are written: their facts in a line, and what many of them ask.
import { check, Violation, visible } from '../judgement.ts'
import type { Level } from '../types.ts'
import { fetched, flagsOf, type Imap, isString, type Result, shown, untagged, type Value } from './client.ts'
import { CORPUS } from './corpus.ts'
import type { ImapCase } from './suite.ts'
import { withCapabilities } from './suite.ts'

interface More {
  readonly level?: Level
  readonly capabilities?: readonly string[]
  readonly state?: ImapCase['state']
  readonly ending?: 'any'
}

type Define = (
  slug: string,
  rfc: string,
  requirement: string,
  run: (c: Imap) => Promise<unknown>,
  more?: More,
) => ImapCase

/** Cases `imap/<topic>/<slug>` of one state; `rfc` is `9051 §6.4.5`, or a draft's name. */
export const topic =
  (name: string, state: ImapCase['state'], ...capabilities: readonly string[]): Define =>
  (slug, rfc, requirement, run, more = {}) => ({
    id: `imap/${name}/${slug}`,
    rfc: rfc.startsWith('draft-') ? rfc : `RFC ${rfc}`,
    level: more.level ?? 'must',
    requirement,
    needs: withCapabilities(...capabilities, ...(more.capabilities ?? [])),
    state: more.state ?? state,
    ...(more.ending === undefined ? {} : { ending: more.ending }),
    run: async (c) => void (await run(c)),
  })

export const same = (got: unknown, wanted: unknown, what: string): void => {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)]
  check(a === b, `${what} ${b}`, String(a))
}

/** The value of one item of one message; `name` is how the response names it. */
export async function item(c: Imap, number: number, what: string, name = what): Promise<Value> {
  return itemIn(fetched(await c.ok(`FETCH ${number} (${what})`)), number, name)
}

export function itemIn(all: Map<number, Map<string, Value>>, number: number, name: string): Value {
  const items = all.get(number)
  const value = items?.get(name.toUpperCase())
  if (value === undefined)
    throw new Violation(
      `expected ${name} in a FETCH response for message ${number}; got ${items ? [...items.keys()].join(', ') : 'no such response'}`,
    )
  return value
}

/** The octets of a string; throws Violation for NIL and all else. */
export function octets(value: Value | undefined, what: string): string {
  if (!isString(value)) throw new Violation(`expected a string as ${what}; got ${shown(value)}`)
  return value.text
}

/** The octets of a string, or null for NIL. */
export const nullable = (value: Value | undefined, what: string): string | null =>
  value?.kind === 'nil' ? null : octets(value, what)

/** BODY.PEEK[section], whose response is BODY[section]; `partial` as `0.10`. */
export async function section(c: Imap, number: number, spec: string, partial?: string): Promise<string> {
  const origin = partial === undefined ? '' : `<${partial.split('.')[0]}>`
  const request = `BODY.PEEK[${spec}]${partial === undefined ? '' : `<${partial}>`}`
  return octets(await item(c, number, request, `BODY[${spec}]${origin}`), request)
}

/** What is between two marks of a text, the second excluded. */
export function between(text: string, from: string, to: string): string {
  const start = text.indexOf(from) + from.length
  return text.slice(start, text.indexOf(to, start))
}

/** Flags of a message but \Recent, in lower case. */
export async function flags(c: Imap, number: number): Promise<string[]> {
  return flagsOf(await item(c, number, 'FLAGS')).filter((flag) => flag !== '\\recent')
}

/** UID of a message by its number. */
export async function uidOf(c: Imap, number: number): Promise<number> {
  return Number((await item(c, number, 'UID')).text)
}

/** UIDs of all messages in the order of their numbers; empty for an empty mailbox. */
export async function uids(c: Imap): Promise<number[]> {
  const all = fetched(await c.ok('UID FETCH 1:* (UID)'))
  return [...all].sort(([a], [b]) => a - b).map(([number]) => Number(itemIn(all, number, 'UID').text))
}

/** What a SEARCH or UID SEARCH found, ascending, from a SEARCH or ESEARCH response. */
export async function search(c: Imap, criteria: string, command = 'SEARCH'): Promise<number[]> {
  return foundBy(await c.ok(`${command} ${criteria}`))
}

export function foundBy(result: Result): number[] {
  const plain = untagged(result, 'SEARCH').flatMap(({ values }) => values.filter(({ kind }) => kind === 'atom'))
  const all = untagged(result, 'ESEARCH').flatMap(({ values }) => {
    const at = values.findIndex(({ kind, text }) => kind === 'atom' && text.toUpperCase() === 'ALL')
    return at < 0 ? [] : expand(values[at + 1]!.text)
  })
  if (untagged(result, 'SEARCH').length + untagged(result, 'ESEARCH').length === 0)
    throw new Violation(`expected a SEARCH or ESEARCH response; got "${visible(result.raw)}" alone`)
  return [...plain.map(({ text }) => Number(text)), ...all].sort((a, b) => a - b)
}

const MAX_SET = 100_000

/** The numbers of a set without `*`, in its order, ranges ascending. */
export function expand(set: string): number[] {
  if (!/^\d+(:\d+)?(,\d+(:\d+)?)*$/.test(set)) throw new Violation(`expected a set of numbers; got "${visible(set)}"`)
  return set.split(',').flatMap((range) => {
    const [a = 0, b = a] = range.split(':').map(Number)
    const length = Math.abs(b - a) + 1
    if (length > MAX_SET) throw new Violation(`expected a set of the numbers found; got "${visible(set)}"`)
    return Array.from({ length }, (_, i) => Math.min(a, b) + i)
  })
}

/** The numbers of untagged responses of that name, in their order. */
export const numbers = (result: Result, name: string): number[] =>
  untagged(result, name).map(({ number }) => number ?? -1)

/** Messages with the given names marked \Deleted and expunged, as set-up. */
export async function expunge(c: Imap, set: string): Promise<void> {
  await c.must(`STORE ${set} +FLAGS.SILENT (\\Deleted)`)
  await c.must('EXPUNGE')
}

/** The original numbers of the messages that are left after the EXPUNGE responses of a command. */
export function afterExpunges(result: Result): number[] {
  const left = CORPUS.map((_, i) => i + 1)
  for (const n of numbers(result, 'EXPUNGE')) {
    check(n >= 1 && n <= left.length, `EXPUNGE with a number up to ${left.length}`, String(n))
    left.splice(n - 1, 1)
  }
  return left
}
