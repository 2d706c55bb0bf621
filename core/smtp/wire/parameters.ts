// The parameters of MAIL and RCPT (RFC 1870, 3461, 4954, 6152, 6531): from keys and values to what the envelope keeps.
import type { Reply } from '../../base/failure.ts'
import { err, ok, type Result } from '../../base/result.ts'
import { defaultMailParameters, type MailParameters, type Notify } from '../../message/envelope.ts'
import { replies } from '../../message/reply.ts'
import { ENVID_MAX, ORCPT_MAX } from './limits.ts'
import { decodeXtext } from './xtext.ts'

type Parameters = ReadonlyMap<string, string | null>
type Writable<T> = { -readonly [K in keyof T]: T[K] }

const bad = (key: string): Result<never, Reply> => err(replies.syntaxError(`Bad value of ${key}`))

/** `offered`: whether this session's listener knows AUTH. */
export function parseMailParameters(
  parameters: Parameters,
  offered: { readonly auth: boolean },
): Result<MailParameters, Reply> {
  if (parameters.size === 0) return ok(defaultMailParameters)
  const mail: Writable<MailParameters> = { ...defaultMailParameters }
  for (const [key, value] of parameters) {
    const error = mailParameter(mail, key, value, offered)
    if (error !== null) return err(error)
  }
  return ok(mail)
}

function mailParameter(
  mail: Writable<MailParameters>,
  key: string,
  value: string | null,
  offered: { readonly auth: boolean },
): Reply | null {
  const wrong = replies.syntaxError(`Bad value of ${key}`)
  switch (key) {
    case 'SIZE':
      if (value === null || !/^\d{1,20}$/.test(value)) return wrong // RFC 1870 §3
      mail.size = Number(value)
      return null
    case 'BODY': {
      const body = value?.toLowerCase()
      if (body !== '7bit' && body !== '8bitmime') return wrong
      mail.body = body
      return null
    }
    case 'SMTPUTF8':
      if (value !== null) return wrong // RFC 6531 §3.4
      mail.smtputf8 = true
      return null
    case 'RET': {
      const ret = value?.toLowerCase()
      if (ret !== 'full' && ret !== 'hdrs') return wrong // RFC 3461 §4.3
      mail.ret = ret
      return null
    }
    case 'ENVID': {
      const envid = value === null || value.length > ENVID_MAX ? null : decodeXtext(value)
      if (envid === null || !/^[ -~]+$/.test(envid)) return wrong // RFC 3461 §4.4: printable
      mail.envid = envid
      return null
    }
    case 'AUTH': {
      if (!offered.auth) return replies.unknownParameter(key)
      const auth = value === null ? null : decodeXtext(value)
      if (auth === null) return wrong // RFC 4954 §5
      mail.auth = auth === '<>' ? '' : auth
      return null
    }
    default:
      return replies.unknownParameter(safeKey(key))
  }
}

export interface RcptParameters {
  readonly notify: readonly Notify[]
  readonly orcpt: string | null
}

const NO_PARAMETERS: RcptParameters = { notify: [], orcpt: null }
const NOTIFY: readonly string[] = ['never', 'success', 'failure', 'delay']

export function parseRcptParameters(parameters: Parameters): Result<RcptParameters, Reply> {
  if (parameters.size === 0) return ok(NO_PARAMETERS)
  let notify: readonly Notify[] = []
  let orcpt: string | null = null
  for (const [key, value] of parameters) {
    if (key === 'NOTIFY') {
      const parsed = parseNotify(value)
      if (parsed === null) return bad(key)
      notify = parsed
    } else if (key === 'ORCPT') {
      orcpt = parseOrcpt(value)
      if (orcpt === null) return bad(key)
    } else return err(replies.unknownParameter(safeKey(key)))
  }
  return ok({ notify, orcpt })
}

/** RFC 3461 §4.1: NEVER alone, or a list of the others. */
function parseNotify(value: string | null): readonly Notify[] | null {
  const words = value?.toLowerCase().split(',') ?? []
  if (words.length === 0 || !words.every((word) => NOTIFY.includes(word))) return null
  if (new Set(words).size < words.length || (words.includes('never') && words.length > 1)) return null
  return words as Notify[]
}

/** RFC 3461 §4.2: addr-type ";" xtext; RFC 6533 §3 allows UTF-8 as it is behind `utf-8;`. */
function parseOrcpt(value: string | null): string | null {
  const semicolon = value?.indexOf(';') ?? -1
  if (value === null || semicolon < 1 || Buffer.byteLength(value) > ORCPT_MAX) return null
  const type = value.slice(0, semicolon)
  const written = value.slice(semicolon + 1)
  if (!/^[A-Za-z0-9-]+$/.test(type) || written === '') return null
  const utf8 = type.toLowerCase() === 'utf-8'
  const address = utf8 && /[^\u0000-\u007f]/.test(written) ? written : decodeXtext(written)
  if (address === null || /[\u0000-\u001f\u007f]/.test(address)) return null
  return `${type};${address}`
}

const safeKey = (key: string): string => key.slice(0, 40)
