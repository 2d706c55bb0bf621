// Paths and parameters of MAIL and RCPT for the reference server, and what its faults make of them.
import type { SmtpFault } from './smtp-faults.ts'
import { decodeUtf8, isAscii, isXtext, type PathArgument, parsePath } from './smtp-grammar.ts'
import type { Situation } from './smtp-replies.ts'

export type Has = (fault: SmtpFault) => boolean
export type Command = 'mail' | 'rcpt'

/** The path that MAIL or RCPT names, unless it is none, or the fault dislikes it. */
export function takePath(command: Command, argument: string, has: Has): PathArgument | null {
  const keyword = command === 'mail' ? 'FROM:' : 'TO:'
  const path = parsePath(command === 'mail' ? 'reverse' : 'forward', argument) ?? wrongPath(command, argument, has)
  if (!path || path.keyword.toUpperCase() !== keyword) return null
  const { local, domain } = path
  const refused =
    (has(`${command}-keyword-case`) && path.keyword !== keyword) ||
    (has(`${command}-local-part-63`) && local.length > 63) ||
    (has('mail-null-refused') && path.path === '<>') ||
    (has('mail-quoted-refused') && local.startsWith('"')) ||
    (has(`${command}-path-255`) && Buffer.byteLength(path.path) > 255) ||
    (has(`${command}-source-route-refused`) && path.route) ||
    (has('mail-quoted-bracket-refused') && local.includes('>')) ||
    (has('mail-ipv6-refused') && domain.startsWith('[IPv6')) ||
    (has('mail-quoted-at-refused') && local.includes('@')) ||
    (has('mail-atext-refused') && !local.startsWith('"') && /[^\w.+-]/.test(local)) ||
    (has('mail-literal-refused') && domain.startsWith('[')) ||
    (has('utf8-mailbox-refused') && !isAscii(path.path)) ||
    (has('utf8-quoted-refused') && local.startsWith('"') && !isAscii(local)) ||
    (has('utf8-domain-refused') && !isAscii(domain)) ||
    (has('utf8-recipient-refused') && command === 'rcpt' && !isAscii(path.path)) ||
    (has('postmaster-bare-refused') && domain === '' && local !== '')
  return refused ? null : path
}

/** What faults take for a path. */
function wrongPath(command: Command, argument: string, has: Has): PathArgument | null {
  const taken =
    has(`${command}-bad-path-taken`) ||
    (has('utf8-not-checked') && decodeUtf8(argument) === null) ||
    (has('rcpt-null-taken') && /^to:<>/i.test(argument))
  const overlooked = has(`${command}-control-taken`) ? argument.replace(/[\x00-\x1f\x7f]/g, '') : argument
  const filled = has('parameter-empty-taken') ? overlooked.replace(/ \w+=(?= |$)/, '') : overlooked
  const named = has('mail-nameless-parameter-taken') ? filled.replace(/ =\S*/, '') : filled
  if (!taken) return parsePath(command === 'mail' ? 'reverse' : 'forward', named)
  const keyword = command === 'mail' ? 'FROM:' : 'TO:'
  return { keyword, path: '<>', route: false, local: 'ana', domain: 'example.org', parameters: [] }
}

/** Null for a good value, or what is said to a bad one. */
type Rule = (value: string | null) => Situation | null
type Rules = { readonly [name: string]: Rule }

export interface ParameterContext {
  readonly has: Has
  /** Parameters belong to extensions, and those to EHLO. */
  readonly extended: boolean
  readonly loggedIn: boolean
  readonly authOffered: boolean
  readonly sizeLimit: number
}

/** The parameters by upper-case name, or what is said to the first bad one. */
export function takeParameters(
  command: Command,
  { parameters }: PathArgument,
  context: ParameterContext,
): Map<string, string> | Situation {
  const { has, extended } = context
  const rules = extended ? (command === 'mail' ? mailRules(context) : rcptRules(has)) : {}
  const taken = new Map<string, string>()
  for (const [written, value] of parameters) {
    const name = has('parameter-names-case') ? written : written.toUpperCase()
    const rule = rules[name]
    if (!rule && !has(`${command}-parameter-ignored`)) return 'parameter-unknown'
    if (taken.has(name) && !has('parameters-twice')) return 'parameter-value'
    const refusal = rule?.(value) ?? null
    if (refusal !== null) return refusal
    taken.set(name, value ?? '')
  }
  return quarrels(taken, has) ? 'parameter-value' : taken
}

const judge = (good: boolean): Situation | null => (good ? null : 'parameter-value')

function without(rules: Rules, name: string, gone: boolean): Rules {
  return gone ? Object.fromEntries(Object.entries(rules).filter(([own]) => own !== name)) : rules
}

function mailRules({ has, loggedIn, authOffered, sizeLimit }: ParameterContext): Rules {
  const word = (value: string | null): string => upper(value, has)
  const rules: Rules = {
    SIZE: (value) => {
      if (value === '0' && has('size-zero-refused')) return 'parameter-value'
      if ((value ?? '').length > 10 && has('size-ten-digits')) return 'parameter-value'
      if (!/^\d{1,20}$/.test(value ?? '')) return has('size-word-taken') ? null : 'parameter-value'
      const large = BigInt(value!) > sizeLimit && !has('size-too-large-taken')
      return large || has('size-refused') ? 'size-declared' : null
    },
    BODY: (value) => judge(has('body-word-taken') || isBody(word(value), has)),
    SMTPUTF8: (value) => judge(value === null || has('utf8-value-taken')),
    RET: (value) => judge(has('ret-word-taken') || isRet(word(value), has)),
    ENVID: (value) => judge(isEnvid(value ?? '', has)),
    AUTH: (value) => judge(isSubmitter(value, has) && (loggedIn || !has('auth-parameter-login-wanted'))),
  }
  const known = without(without(rules, 'SMTPUTF8', has('utf8-parameter-refused')), 'RET', has('ret-refused'))
  return without(known, 'AUTH', has('auth-parameter-refused') || !authOffered)
}

function rcptRules(has: Has): Rules {
  const rules: Rules = {
    NOTIFY: (value) => judge(has('notify-word-taken') || isNotify(upper(value, has), has)),
    ORCPT: (value) => judge(isOrcpt(value, has)),
  }
  return without(without(rules, 'NOTIFY', has('notify-refused')), 'ORCPT', has('orcpt-refused'))
}

const upper = (value: string | null, has: Has): string =>
  has('parameter-values-case') ? (value ?? '') : (value ?? '').toUpperCase()

function isBody(word: string, has: Has): boolean {
  if (has('body-8bitmime-refused') && word === '8BITMIME') return false
  if (has('body-binarymime-refused') && word === 'BINARYMIME') return false
  if (has('body-7bit-refused') && word === '7BIT') return false
  return ['7BIT', '8BITMIME', 'BINARYMIME'].includes(word)
}

const isRet = (word: string, has: Has): boolean => word === 'FULL' || (word === 'HDRS' && !has('ret-hdrs-refused'))

function isEnvid(value: string, has: Has): boolean {
  if (has('envid-word-taken')) return true
  if (has('envid-xtext-refused') && value.includes('+')) return false
  const hex = has('xtext-lower-case') ? value.toUpperCase() : value
  return value !== '' && isXtext(hex) && value.length <= (has('envid-50') ? 50 : 100)
}

function isNotify(list: string, has: Has): boolean {
  const values = list.split(',')
  if (has('notify-list-refused') && values.length > 1) return false
  if (values.includes('NEVER') && values.length > 1) return has('notify-never-with-others')
  return values.every((value) => ['NEVER', 'SUCCESS', 'FAILURE', 'DELAY'].includes(value))
}

function isOrcpt(value: string | null, has: Has): boolean {
  if (has('orcpt-word-taken')) return true
  if (value === null || (has('orcpt-200') && value.length > 200)) return false
  const typed = has('orcpt-no-type-taken') ? `rfc822;${value}` : value
  return /^[A-Za-z0-9-]+;[^;]*$/.test(typed) && isXtext(typed.slice(typed.indexOf(';') + 1))
}

const isSubmitter = (value: string | null, has: Has): boolean =>
  value === '<>' || (value !== null && isXtext(value) && !has('auth-parameter-null-only'))

/** Parameters that a fault does not bear together. */
function quarrels(taken: ReadonlyMap<string, string>, has: Has): boolean {
  const both = (one: string, other: string): boolean => taken.has(one) && taken.has(other)
  return (
    (has('utf8-alone') && both('SMTPUTF8', 'BODY')) ||
    (has('envid-alone') && both('RET', 'ENVID')) ||
    (has('orcpt-alone') && both('NOTIFY', 'ORCPT'))
  )
}
