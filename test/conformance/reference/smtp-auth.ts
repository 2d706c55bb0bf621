// The SASL exchanges of the reference server, RFC 4954 §4: PLAIN, LOGIN and CRAM-MD5, and what its faults make of them.
import { createHmac } from 'node:crypto'
import type { Has } from './smtp-arguments.ts'
import { decodeBase64 } from './smtp-grammar.ts'
import type { SmtpVoice } from './smtp-voice.ts'

export const MECHANISMS = ['PLAIN', 'LOGIN', 'CRAM-MD5']
const LINE_LIMIT = 12_288

export interface Exchange {
  readonly voice: SmtpVoice
  readonly has: Has
  readonly user: string
  readonly password: string
  /** The next line; null when the client has gone. */
  line(): Promise<string | null>
}

export const isMechanism = (name: string, has: Has): boolean =>
  MECHANISMS.includes(has('auth-mechanism-case') ? name : name.toUpperCase())

/** Whether the client is who it says; null when it said nothing that can be judged, and was told. */
export async function exchange(name: string, written: string | null, talk: Exchange): Promise<boolean | null> {
  const { has, voice } = talk
  const none = has('auth-initial-ignored') || (written === '=' && has('auth-equals-ignored'))
  const initial = none ? null : written === '=' ? '' : written
  if (name.toUpperCase() === 'LOGIN') return login(initial, talk)
  if (name.toUpperCase() === 'CRAM-MD5') return cram(initial, talk)
  if (initial !== null || !has('auth-initial-wanted')) return plain(initial, talk)
  voice.say('auth-syntax')
  return null
}

async function plain(initial: string | null, talk: Exchange): Promise<boolean | null> {
  const response = await take(initial, '', talk)
  if (response === null) return null
  const { has, user, password } = talk
  if (!response.includes('\0')) return has('auth-nul-optional')
  const [identity, own, secret] = response.split('\0')
  const allowed = identity === '' || identity === user || has('auth-identity-ignored')
  return allowed && own === user && (secret === password || has('auth-password-unchecked'))
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
    talk.voice.say('auth-initial-unwanted')
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
  const decoded = talk.has('auth-base64-lenient') ? Buffer.from(line, 'base64').toString() : decodeBase64(line)
  if (decoded !== null && line !== '*') return decoded
  talk.voice.say(line === '*' ? 'auth-cancelled' : 'auth-base64')
  return null
}

async function ask(challenge: string, talk: Exchange): Promise<string | null> {
  const { has, voice } = talk
  voice.say('auth-challenge', has('cram-challenge-text') ? challenge : Buffer.from(challenge).toString('base64'))
  const line = await talk.line()
  if (line === '*' && has('auth-cancel-ignored')) return ask(challenge, talk)
  if (line === '' && has('auth-empty-asks-again')) return ask(challenge, talk)
  const limit = has('auth-line-1000') ? 1000 : LINE_LIMIT
  if (line === null || line.length + 2 <= limit) return line
  const pieces = has('auth-line-1000') ? Math.ceil(line.length / limit) : 1
  for (let piece = 0; piece < pieces; piece++) voice.say('auth-long')
  return null
}
