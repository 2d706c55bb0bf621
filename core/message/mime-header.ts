// MIME header fields (RFC 2045, 2183, 2231): types, parameters and tokens from unfolded values, tolerant and linear.

/** Octets, one a char; names in lower case. */
export type MimeParameters = readonly (readonly [name: string, value: string])[]

export interface ContentType {
  /** Lower case. */
  readonly type: string
  readonly subtype: string
  readonly parameters: MimeParameters
}

export interface Disposition {
  readonly type: string
  readonly parameters: MimeParameters
}

const MAX_PARAMETERS = 64
const TOKEN = /[^\x00-\x20\x7f()<>@,;:\\"/[\]?=]+/y // RFC 2045 §5.1
const NAME = /[^\x00-\x20\x7f()<>@,;:\\"/[\]?=]+/y

/** Offset of what follows white space and (nested) comments. */
export function skipComments(text: string, from: number): number {
  let at = from
  let depth = 0
  for (; at < text.length; at++) {
    const c = text[at]!
    if (depth > 0 && c === '\\') at++
    else if (c === '(') depth++
    else if (c === ')' && depth > 0) depth--
    else if (depth === 0 && c !== ' ' && c !== '\t' && c !== '\r' && c !== '\n') break
  }
  return Math.min(at, text.length)
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}

/** A quoted string that starts at `at`: its content and what follows it. An unclosed one ends with the text. */
export function readQuoted(text: string, at: number): { value: string; next: number } {
  let value = ''
  let from = at + 1
  let i = from
  for (; i < text.length; i++) {
    const c = text[i]
    if (c === '"') break
    if (c === '\\') {
      value += text.slice(from, i)
      from = ++i
    }
  }
  return { value: value + text.slice(from, Math.min(i, text.length)), next: Math.min(i + 1, text.length) }
}

/** null when it is no type/subtype: the caller's default applies (RFC 2045 §5.2). */
export function parseContentType(value: string): ContentType | null {
  let at = skipComments(value, 0)
  const type = match(TOKEN, value, at)
  at = skipComments(value, at + type.length)
  if (type === '' || value[at] !== '/') return null
  at = skipComments(value, at + 1)
  const subtype = match(TOKEN, value, at)
  if (subtype === '') return null
  return {
    type: type.toLowerCase(),
    subtype: subtype.toLowerCase(),
    parameters: parseParameters(value, at + subtype.length),
  }
}

export function parseDisposition(value: string): Disposition | null {
  const at = skipComments(value, 0)
  const type = match(TOKEN, value, at)
  return type === '' ? null : { type: type.toLowerCase(), parameters: parseParameters(value, at + type.length) }
}

/** The first token, in lower case: Content-Transfer-Encoding. */
export function parseToken(value: string): string | null {
  return match(TOKEN, value, skipComments(value, 0)).toLowerCase() || null
}

/** Content-Language (RFC 3282): its tags. */
export function parseLanguages(value: string): string[] {
  const tags: string[] = []
  for (let at = skipComments(value, 0); at < value.length && tags.length < MAX_PARAMETERS; ) {
    const tag = match(TOKEN, value, at)
    if (tag !== '') tags.push(tag)
    at = skipComments(value, at + Math.max(tag.length, 1))
  }
  return tags
}

function parseParameters(value: string, from: number): MimeParameters {
  const raw: [string, string][] = []
  let at = from
  while (raw.length < MAX_PARAMETERS) {
    const semicolon = value.indexOf(';', at)
    if (semicolon < 0) break
    at = skipComments(value, semicolon + 1)
    const name = match(NAME, value, at).toLowerCase()
    at = skipComments(value, at + name.length)
    if (name === '' || value[at] !== '=') continue
    at = skipComments(value, at + 1)
    if (value[at] === '"') {
      const quoted = readQuoted(value, at)
      raw.push([name, quoted.value])
      at = quoted.next
    } else {
      const end = value.indexOf(';', at)
      const text = value.slice(at, end < 0 ? value.length : end)
      at = end < 0 ? value.length : end
      raw.push([name, stripComment(text)])
    }
  }
  return raw.some(([name]) => name.includes('*')) ? joinContinuations(raw) : raw
}

/** Unquoted values run to the semicolon, since senders forget quotes; a comment after them goes, and what holds a quote. */
function stripComment(text: string): string {
  if (text.includes('"')) return match(TOKEN, text, 0)
  const comment = text.search(/[ \t]\(/)
  return (comment < 0 ? text : text.slice(0, comment)).trim()
}

/**
 * RFC 2231 §3: `name*0`, `name*1` … become one parameter; §6 has IMAP servers do so, and keep charset, language and
 * percent octets of extended values under the name `name*`.
 */
function joinContinuations(raw: readonly [string, string][]): MimeParameters {
  const joined: [string, string][] = []
  const sections = new Map<string, { at: number; parts: { n: number; extended: boolean; value: string }[] }>()
  for (const [name, value] of raw) {
    const m = /^([^*]+)\*(\d{1,3})(\*?)$/.exec(name)
    if (!m) {
      joined.push([name, value])
      continue
    }
    let section = sections.get(m[1]!)
    if (!section) {
      section = { at: joined.length, parts: [] }
      sections.set(m[1]!, section)
      joined.push([m[1]!, ''])
    }
    section.parts.push({ n: Number(m[2]), extended: m[3] === '*', value })
  }
  for (const [name, { at, parts }] of sections) {
    parts.sort((a, b) => a.n - b.n)
    const extended = parts.some((part) => part.extended)
    const value = parts.map((part) => (extended && !part.extended ? percent(part.value) : part.value)).join('')
    // §4.1 has charset and language stand in the first section: where that one is plain, they are empty
    const head = parts[0]!.extended ? '' : "''"
    joined[at] = extended ? [`${name}*`, head + value] : [name, value]
  }
  return joined
}

const percent = (value: string): string =>
  value.replace(/[^A-Za-z0-9!#$&+.^_`{|}~-]/g, (c) => '%' + c.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase())
