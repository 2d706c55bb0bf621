// The SASL exchanges of the reference server, RFC 4954 §4: PLAIN and LOGIN, and what its faults make of them.
import type { Has } from './smtp-arguments.ts'
import { decodeBase64 } from './smtp-grammar.ts'
import type { SmtpVoice } from './smtp-voice.ts'

const LINE_LIMIT = 12_288

export interface Exchange {
  readonly voice: SmtpVoice
  readonly has: Has
  /** The next line; null when the client has gone. */
  line(): Promise<string | null>
}

export interface Credentials {
  readonly user: string
  readonly password: string
}

export const isMechanism = (name: string, has: Has): boolean =>
  has('auth-mechanism-case') ? ['PLAIN', 'LOGIN'].includes(name) : /^(?:plain|login)$/i.test(name)

/** What the client says it is; null when it said nothing that can be judged, and was told. */
export async function exchange(name: string, written: string | null, talk: Exchange): Promise<Credentials | null> {
  const initial = talk.has('auth-initial-ignored') ? null : written === '=' ? '' : written
  if (name.toUpperCase() === 'LOGIN') return login(initial, talk)
  if (initial !== null || !talk.has('auth-initial-wanted')) return plain(initial, talk)
  talk.voice.say('auth-syntax')
  return null
}

async function plain(initial: string | null, talk: Exchange): Promise<Credentials | null> {
  const response = await take(initial, '', talk)
  if (response === null) return null
  const [identity = '', user = '', password = ''] = response.split('\0')
  return { user: identity === '' || identity === user ? user : '', password }
}

async function login(initial: string | null, talk: Exchange): Promise<Credentials | null> {
  const user = await take(initial, 'Username:', talk)
  const password = user === null ? null : await take(null, 'Password:', talk)
  return user === null || password === null ? null : { user, password }
}

/** The initial response, or that to the challenge, decoded. */
async function take(initial: string | null, challenge: string, talk: Exchange): Promise<string | null> {
  const line = initial ?? (await ask(challenge, talk))
  if (line === null) return null
  const decoded = talk.has('auth-base64-lenient') ? Buffer.from(line, 'base64').toString() : decodeBase64(line)
  if (decoded !== null && line !== '*') return decoded
  talk.voice.say(line === '*' ? 'auth-cancelled' : 'auth-base64')
  return null
}

async function ask(challenge: string, talk: Exchange): Promise<string | null> {
  talk.voice.say('auth-challenge', Buffer.from(challenge).toString('base64'))
  const line = await talk.line()
  if (line === '*' && talk.has('auth-cancel-ignored')) return ask(challenge, talk)
  const limit = talk.has('auth-line-1000') ? 1000 : LINE_LIMIT
  if (line === null || line.length + 2 <= limit) return line
  for (let at = 0; at < line.length; at += limit) talk.voice.say('auth-long')
  return null
}
