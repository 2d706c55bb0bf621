// The SASL exchanges of the reference servers, RFC 4954 §4 and RFC 5034 §4: PLAIN, LOGIN and CRAM-MD5, and their faults.
import { createHmac } from 'node:crypto'
import { decodeBase64 } from './smtp-grammar.ts'

export const MECHANISMS = ['PLAIN', 'LOGIN', 'CRAM-MD5']
const LINE_LIMIT = 12_288

/** A fault a line, for whichever protocol carries the exchange. */
export const SASL_FAULTS = {
  'auth-initial-ignored': 'an initial response is ignored, RFC 4954 §4, RFC 5034 §4',
  'auth-initial-wanted': 'PLAIN without an initial response is an error, RFC 4954 §4, RFC 5034 §4',
  'auth-mechanism-case': 'names of mechanisms must be in upper case, RFC 4954 §4, RFC 5034 §5',
  'auth-password-unchecked': 'any password will do, RFC 4954 §6, RFC 5034 §4',
  'auth-cancel-ignored': 'a cancelled exchange gets another challenge, RFC 4954 §4, RFC 5034 §4',
  'auth-base64-lenient': 'characters outside of base64 are skipped, RFC 4954 §4, RFC 5034 §4',
  'auth-user-unchecked': 'the password logs in under any name, RFC 4616 §2',
  'auth-password-empty': 'an empty password will do, RFC 4616 §2',
  'auth-identity-ignored': 'PLAIN for another identity logs in as oneself, RFC 4616 §2',
  'auth-nul-optional': 'a PLAIN response without NUL octets is taken, RFC 4616 §2',
  'auth-empty-asks-again': 'an empty response gets the challenge again, RFC 4954 §4, RFC 5034 §4',
  'auth-equals-ignored': 'an initial response of = is none, RFC 4954 §4, RFC 5034 §4',
  'auth-line-1000': 'a response of more than 1000 octets is cut, RFC 4954 §4, RFC 5034 §4',
  'cram-challenge-text': 'the challenge of CRAM-MD5 is not base64, RFC 4954 §4, RFC 5034 §4',
  'cram-initial-ignored': 'an initial response to CRAM-MD5 is ignored, RFC 4954 §4, RFC 5034 §4',
} as const

export type SaslFault = keyof typeof SASL_FAULTS
type Has = (fault: SaslFault) => boolean

export type SaslSituation =
  | 'auth-challenge'
  | 'auth-cancelled'
  | 'auth-base64'
  | 'auth-initial-unwanted'
  | 'auth-initial-wanted'
  | 'auth-long'

export interface Exchange {
  readonly has: Has
  say(situation: SaslSituation, value?: string): void
  readonly user: string
  readonly password: string
  /** The next line; null when the client has gone. */
  line(): Promise<string | null>
}

export const isMechanism = (name: string, has: Has): boolean =>
  MECHANISMS.includes(has('auth-mechanism-case') ? name : name.toUpperCase())

/** Whether the client is who it says; null when it said nothing that can be judged, and was told. */
export async function exchange(name: string, written: string | null, talk: Exchange): Promise<boolean | null> {
  const { has, say } = talk
  const none = has('auth-initial-ignored') || (written === '=' && has('auth-equals-ignored'))
  const initial = none ? null : written === '=' ? '' : written
  if (name.toUpperCase() === 'LOGIN') return login(initial, talk)
  if (name.toUpperCase() === 'CRAM-MD5') return cram(initial, talk)
  if (initial !== null || !has('auth-initial-wanted')) return plain(initial, talk)
  say('auth-initial-wanted')
  return null
}

async function plain(initial: string | null, talk: Exchange): Promise<boolean | null> {
  const response = await take(initial, '', talk)
  if (response === null) return null
  const { has, user, password } = talk
  if (!response.includes('\0')) return has('auth-nul-optional')
  const [identity, own, secret] = response.split('\0')
  const allowed = identity === '' || identity === user || has('auth-identity-ignored')
  const named = own === user || has('auth-user-unchecked')
  const known = secret === password || has('auth-password-unchecked') || (secret === '' && has('auth-password-empty'))
  return allowed && named && known
}

async function login(initial: string | null, talk: Exchange): Promise<boolean | null> {
  const own = await take(initial, 'Username:', talk)
  const secret = own === null ? null : await take(null, 'Password:', talk)
  if (secret === null) return null
  return own === talk.user && (secret === talk.password || talk.has('auth-password-unchecked'))
}

// RFC 2195 §2
async function cram(initial: string | null, talk: Exchange): Promise<boolean | null> {
  if (initial !== null && !talk.has('cram-initial-ignored')) {
    talk.say('auth-initial-unwanted')
    return null
  }
  const challenge = `<${process.hrtime.bigint()}@example.org>`
  const response = await take(null, challenge, talk)
  const digest = createHmac('md5', talk.password).update(challenge).digest('hex')
  return response === null ? null : response === `${talk.user} ${digest}`
}

/** The initial response, or that to the challenge, decoded. */
async function take(initial: string | null, challenge: string, talk: Exchange): Promise<string | null> {
  const line = initial ?? (await ask(challenge, talk))
  if (line === null) return null
  const decoded = talk.has('auth-base64-lenient') ? decodeLoosely(line) : decodeBase64(line)
  if (decoded !== null && line !== '*') return decoded
  talk.say(line === '*' ? 'auth-cancelled' : 'auth-base64')
  return null
}

async function ask(challenge: string, talk: Exchange): Promise<string | null> {
  const { has, say } = talk
  say('auth-challenge', has('cram-challenge-text') ? challenge : Buffer.from(challenge).toString('base64'))
  const line = await talk.line()
  if (line === '*' && has('auth-cancel-ignored')) return ask(challenge, talk)
  if (line === '' && has('auth-empty-asks-again')) return ask(challenge, talk)
  const limit = has('auth-line-1000') ? 1000 : LINE_LIMIT
  if (line === null || line.length + 2 <= limit) return line
  const pieces = has('auth-line-1000') ? Math.ceil(line.length / limit) : 1
  for (let piece = 0; piece < pieces; piece++) say('auth-long')
  return null
}

/** As many decoders do it: all that is not of the alphabet is skipped. */
const decodeLoosely = (line: string): string =>
  Buffer.from(line.replace(/[^A-Za-z0-9+/]/g, ''), 'base64').toString('utf8')
