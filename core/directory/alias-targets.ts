// The right side of an alias and the content of a .forward file: addresses, \user, /files, |commands, :include:s.
import type { Problem } from '../config/problems.ts'
import { parseAddress } from '../message/address.ts'
import type { AliasTarget } from './directory.ts'
import { logicalLines } from './text-lines.ts'

export interface ParsedTargets {
  readonly targets: readonly AliasTarget[]
  readonly errors: readonly string[]
}

/** Items parted by commas, one alias's right side. */
export function parseTargets(text: string): ParsedTargets {
  const targets: AliasTarget[] = []
  const errors: string[] = []
  const items = splitItems(text)
  if (items === null) return { targets, errors: ['a quote, bracket or parenthesis is not closed'] }
  for (const item of items) {
    const target = parseItem(item)
    if (typeof target === 'string') errors.push(target)
    else targets.push(target)
  }
  return { targets, errors }
}

/** A file of items: several a line, or one a line. Problems carry the line; `refuse` says what is wrong with a target here. */
export function parseTargetFile(
  text: string,
  path: string,
  refuse: (target: AliasTarget) => string | null = () => null,
): { targets: AliasTarget[]; problems: Problem[] } {
  const targets: AliasTarget[] = []
  const problems: Problem[] = []
  for (const { line, text: content } of logicalLines(text)) {
    const parsed = parseTargets(content)
    targets.push(...parsed.targets)
    const refused = parsed.targets.map(refuse).filter((message) => message !== null)
    for (const message of [...parsed.errors, ...refused])
      problems.push({ at: { file: path, line, column: 1 }, path: [], message })
  }
  return { targets, problems }
}

const CLOSING: { readonly [open: string]: string } = { '"': '"', '(': ')', '<': '>' }

/** Cuts at commas outside quotes, comments and angle brackets; comments are left out. null: something is not closed. */
function splitItems(text: string): string[] | null {
  const items: string[] = []
  let item = ''
  /** Shell text keeps its parentheses and redirections. */
  let isCommand = false
  let closing: string | null = null
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (char === '\\' && closing !== null) {
      if (closing !== ')') item += text.slice(i, i + 2)
      i += 1
    } else if (closing !== null) {
      if (closing !== ')') item += char
      if (char === closing) closing = null
    } else if (char === ',') {
      items.push(item)
      item = ''
      isCommand = false
    } else if (char in CLOSING && !(char !== '"' && isCommand)) {
      closing = CLOSING[char]!
      if (char !== '(') item += char
    } else if (item !== '' || char.trim() !== '') {
      if (item === '') isCommand = char === '|'
      item += char
    }
  }
  if (closing !== null) return null
  return [...items, item].map((one) => one.trim()).filter((one) => one !== '')
}

/** The target, or what is wrong with it. */
function parseItem(item: string): AliasTarget | string {
  const whole = unquote(item)
  const text = whole ?? item
  if (text.startsWith('|')) {
    const command = (unquote(text.slice(1).trim()) ?? text.slice(1)).trim()
    return command === '' ? "nothing follows the '|'" : { kind: 'command', command }
  }
  if (text.startsWith('/')) return { kind: 'file', path: text }
  if (/^:include:/i.test(text)) {
    const path = text.slice(':include:'.length).trim()
    const inner = unquote(path) ?? path
    return inner === '' ? "nothing follows ':include:'" : { kind: 'include', path: inner }
  }
  if (text.startsWith(':')) return `'${item}' is not known here: only :include: is`
  const final = item.startsWith('\\') || item.startsWith('"\\')
  return parseAddressItem(final ? text.replace(/^\\/, '') : (bracketed(item) ?? item), final)
}

function parseAddressItem(text: string, final: boolean): AliasTarget | string {
  const whole = text.lastIndexOf('@') > text.lastIndexOf('"') ? text : `${text}@localhost`
  return parseAddress(whole).ok ? { kind: 'address', address: text, final } : `'${text}' is not an address`
}

/** `Name <address>` → address. */
const bracketed = (item: string): string | null => /<([^<>]*)>\s*$/.exec(item)?.[1]?.trim() ?? null

/** The content of an item that is one quoted string. */
function unquote(item: string): string | null {
  const match = /^"((?:[^"\\]|\\.)*)"$/s.exec(item)
  return match ? match[1]!.replace(/\\(["\\])/g, '$1') : null
}
