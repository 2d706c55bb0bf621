// Lookup tables in text: `key value` lines as Sendmail and Postfix write them, CIDR tables and regular expressions.
import type { Logger } from '../base/log.ts'
import type { Problem } from '../config/problems.ts'
import type { LookupTable } from './directory.ts'
import { ipOctets, maskedKey, type Network, parseNetwork, prefixKeys } from './networks.ts'
import { logicalLines } from './text-lines.ts'
import { type Parsed, WatchedFile } from './watched-file.ts'

export type TableKind = 'text' | 'cidr' | 'regexp'

/** Postfix's names for tables made from text files: the text itself is read. */
const KINDS: { readonly [name: string]: TableKind } = {
  text: 'text',
  texthash: 'text',
  hash: 'text',
  btree: 'text',
  lmdb: 'text',
  cdb: 'text',
  cidr: 'cidr',
  regexp: 'regexp',
  pcre: 'regexp',
}

/** Splits `kind:path`; without a kind it is text. null: an unknown kind. */
export function parseDefinition(definition: string): { kind: TableKind; path: string } | null {
  const match = /^([a-z]+):(.+)$/s.exec(definition)
  if (!match) return { kind: 'text', path: definition }
  const kind = KINDS[match[1]!]
  return kind ? { kind, path: match[2]! } : null
}

export const parsers: { readonly [kind in TableKind]: (text: string, path: string) => Parsed<LookupTable> } = {
  text: parseTextTable,
  cidr: parseCidrTable,
  regexp: parseRegexpTable,
}

/** A table that follows its file. */
export class TableFile implements LookupTable {
  readonly #file: WatchedFile<LookupTable>

  constructor(kind: TableKind, path: string, log: Logger) {
    this.#file = new WatchedFile(path, parsers[kind], log)
  }
  get(key: string): string | null {
    return this.#file.get().get(key)
  }
  network(ip: string, tag = ''): string | null {
    return this.#file.get().network(ip, tag)
  }
  problems(): readonly Problem[] {
    return this.#file.problems()
  }
}

type Entry = { readonly line: number; readonly key: string; readonly value: string }

/** Cuts each line at its first white space; `problem` tells about a line. */
function entries(
  text: string,
  path: string,
): { entries: Entry[]; problem: (line: number, message: string) => Problem } {
  const found = logicalLines(text).map(({ line, text: content }) => {
    const quoted = /^"((?:[^"\\]|\\.)*)"\s*(.*)$/s.exec(content)
    if (quoted) return { line, key: quoted[1]!.replace(/\\(.)/g, '$1'), value: quoted[2]! }
    const at = content.search(/[ \t]/)
    return at < 0
      ? { line, key: content, value: '' }
      : { line, key: content.slice(0, at), value: content.slice(at).trim() }
  })
  return { entries: found, problem: (line, message) => ({ at: { file: path, line, column: 1 }, path: [], message }) }
}

function parseTextTable(text: string, path: string): Parsed<LookupTable> {
  const { entries: lines, problem } = entries(text, path)
  const values = new Map<string, string>()
  const blocks = new Map<string, string>()
  const lengths = new Set<number>()
  const problems: Problem[] = []
  for (const { line, key, value } of lines) {
    const name = key.toLowerCase()
    if (value === '') problems.push(problem(line, `'${key}' has no value: expected 'key value'`))
    if (values.has(name)) problems.push(problem(line, `'${key}' is there twice`))
    values.set(name, value)
    const block = name.includes('/') ? taggedNetwork(name) : null
    if (!block) continue
    blocks.set(block.tag + maskedKey(block.network.octets, block.network.bits), value)
    lengths.add(block.network.bits)
  }
  const longestFirst = [...lengths].sort((a, b) => b - a)
  const get = (key: string): string | null => values.get(key.toLowerCase()) ?? null
  const block = (ip: string, tag: string): string | null => {
    const octets = ipOctets(ip)
    if (!octets) return null
    const fitting = longestFirst.filter((bits) => bits <= octets.length * 8)
    return firstOf(fitting, (bits) => blocks.get(tag + maskedKey(octets, bits)) ?? null)
  }
  const table: LookupTable = {
    get,
    network: (ip, tag = '') => get(tag + ip) ?? block(ip, tag) ?? firstOf(prefixKeys(ip), (key) => get(tag + key)),
  }
  return { value: table, problems }
}

/** `192.0.2.0/24` or `connect:192.0.2.0/24`. */
function taggedNetwork(key: string): { tag: string; network: Network } | null {
  const whole = parseNetwork(key)
  if (whole) return { tag: '', network: whole }
  const match = /^([a-z]+:)(.+)$/.exec(key)
  const network = match && parseNetwork(match[2]!)
  return network && { tag: match[1]!, network }
}

function firstOf<T>(items: readonly T[], find: (item: T) => string | null): string | null {
  for (const item of items) {
    const found = find(item)
    if (found !== null) return found
  }
  return null
}

/** The first line whose block holds the address decides. */
function parseCidrTable(text: string, path: string): Parsed<LookupTable> {
  const { entries: lines, problem } = entries(text, path)
  const problems: Problem[] = []
  const blocks: { key: string; bits: number; length: number; negated: boolean; value: string }[] = []
  for (const { line, key, value } of lines) {
    const negated = key.startsWith('!')
    const network = parseNetwork(negated ? key.slice(1) : key)
    if (!network) problems.push(problem(line, `'${key}' is no network: expected an address or address/bits`))
    else if (value === '') problems.push(problem(line, `'${key}' has no value: expected 'network value'`))
    else {
      const masked = maskedKey(network.octets, network.bits)
      blocks.push({ key: masked, bits: network.bits, length: network.octets.length, negated, value })
    }
  }
  const network = (ip: string): string | null => {
    const octets = ipOctets(ip)
    if (!octets) return null
    const holds = (block: (typeof blocks)[number]): boolean =>
      block.length === octets.length && (maskedKey(octets, block.bits) === block.key) !== block.negated
    return blocks.find(holds)?.value ?? null
  }
  return { value: { get: network, network: (ip) => network(ip) }, problems }
}

/** `/pattern/flags value`, first match first; letter case counts only with the flag `i`, as in Postfix. `$1` stands for a group. */
function parseRegexpTable(text: string, path: string): Parsed<LookupTable> {
  const rules: { pattern: RegExp; negated: boolean; value: (string | number)[] }[] = []
  const problems: Problem[] = []
  for (const { line, text: content } of logicalLines(text)) {
    const wrong = (message: string): void => {
      problems.push({ at: { file: path, line, column: 1 }, path: [], message })
    }
    const match = /^(!?)([^\w\s!])((?:\\.|(?!\2).)*)\2([a-zA-Z]*)\s+(\S.*)$/s.exec(content)
    if (!match) {
      wrong(
        /^(if|endif)\b/.test(content)
          ? 'if … endif is not supported: repeat the condition'
          : "expected '/pattern/ value'",
      )
      continue
    }
    const [, not, , source, flags, value] = match as unknown as [string, string, string, string, string, string]
    try {
      rules.push({ pattern: new RegExp(source, regexpFlags(flags)), negated: not === '!', value: withGroups(value) })
    } catch (error) {
      wrong(`bad regular expression: ${(error as Error).message}`)
    }
  }
  const get = (key: string): string | null => {
    for (const { pattern, negated, value } of rules) {
      const found = pattern.exec(key)
      if ((found !== null) === negated) continue
      return value.map((part) => (typeof part === 'string' ? part : (found?.[part] ?? ''))).join('')
    }
    return null
  }
  return { value: { get, network: (ip) => get(ip) }, problems }
}

/** A value in pieces: text, and the numbers of groups (`$1`, `${1}`, `$(1)`) in between. `$$` is a dollar. */
function withGroups(value: string): (string | number)[] {
  const parts: (string | number)[] = []
  let at = 0
  for (const match of value.matchAll(/\$(?:(\d+)|\{(\d+)\}|\((\d+)\)|\$)/g)) {
    const group = match[1] ?? match[2] ?? match[3]
    parts.push(value.slice(at, match.index), group === undefined ? '$' : Number(group))
    at = match.index + match[0].length
  }
  parts.push(value.slice(at))
  return parts
}

const regexpFlags = (written: string): string =>
  [...(written.includes('i') ? '' : 'i'), ...written.replace(/[^ms]/g, '')].join('')
