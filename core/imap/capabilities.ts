// What the server offers, by state of the session (RFC 9051 §6.1.1): nothing that does not work.
import { mechanismsFor } from '../sasl/sasl.ts'

const ALWAYS = ['IMAP4rev2', 'IMAP4rev1', 'LITERAL+', 'SASL-IR', 'ID', 'ENABLE', 'IDLE']

const LOGGED_IN = [
  'UNSELECT',
  'UIDPLUS',
  'MOVE',
  'NAMESPACE',
  'CHILDREN',
  'SPECIAL-USE',
  'CREATE-SPECIAL-USE',
  'LIST-EXTENDED',
  'LIST-STATUS',
  'STATUS=SIZE',
  'ESEARCH',
  'SEARCHRES',
  'WITHIN',
  'BINARY',
  'MULTIAPPEND',
  'CONDSTORE',
  'OBJECTID',
  'SAVEDATE',
]

export function capabilities(state: {
  readonly loggedIn: boolean
  readonly secure: boolean
  readonly canStartTls: boolean
  readonly appendLimit: number
}): string {
  const list = [...ALWAYS]
  if (!state.loggedIn) {
    if (state.canStartTls) list.push('STARTTLS')
    if (!state.secure) list.push('LOGINDISABLED') // RFC 9051 §6.2.3
    list.push(...mechanismsFor(state.secure).map((mechanism) => `AUTH=${mechanism.name}`))
  } else list.push(...LOGGED_IN, `APPENDLIMIT=${state.appendLimit}`) // RFC 7889
  return list.join(' ')
}
