// The client's side of AUTH (RFC 4954): the strongest mechanism that both sides have.
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

export interface Credentials {
  readonly username: string
  readonly password: string
}

/** One AUTH exchange. `answer` gives null when the server's challenge is not to be believed. */
export interface Mechanism {
  readonly name: string
  /** Sent with the AUTH command; null: the server speaks first. */
  readonly initial: Buffer | null
  answer(challenge: Buffer): Promise<Buffer | null>
}

type Make = (credentials: Credentials) => Mechanism

/** Best first: SCRAM never shows the password, not even to a server with a wrong certificate. */
const MECHANISMS: readonly [string, Make][] = [
  ['SCRAM-SHA-256', (credentials) => scram('SCRAM-SHA-256', 'sha256', credentials)],
  ['SCRAM-SHA-1', (credentials) => scram('SCRAM-SHA-1', 'sha1', credentials)],
  ['PLAIN', plain],
  ['LOGIN', login],
  ['CRAM-MD5', cramMd5],
]

/** Null when the server offers nothing that this client knows. */
export function chooseMechanism(offered: ReadonlySet<string>, credentials: Credentials): Mechanism | null {
  const make = MECHANISMS.find(([name]) => offered.has(name))?.[1]
  return make === undefined ? null : make(credentials)
}

/** RFC 4616. */
function plain({ username, password }: Credentials): Mechanism {
  return { name: 'PLAIN', initial: Buffer.from(`\0${username}\0${password}`), answer: async () => null }
}

/** Two prompts, never standardized; most servers ask for the name first. */
function login({ username, password }: Credentials): Mechanism {
  const answers = [username, password]
  return {
    name: 'LOGIN',
    initial: null,
    answer: async () => {
      const next = answers.shift()
      return next === undefined ? null : Buffer.from(next)
    },
  }
}

/** RFC 2195. */
function cramMd5({ username, password }: Credentials): Mechanism {
  const digest = (challenge: Buffer) => createHmac('md5', password).update(challenge).digest('hex')
  const answer = async (challenge: Buffer) => Buffer.from(`${username} ${digest(challenge)}`)
  return { name: 'CRAM-MD5', initial: null, answer }
}

const MAX_ITERATIONS = 1_000_000 // a hostile server could ask for hours of hashing

/** RFC 5802, RFC 7677, without channel binding. */
function scram(name: string, hash: 'sha1' | 'sha256', { username, password }: Credentials): Mechanism {
  const nonce = randomBytes(18).toString('base64')
  const bare = `n=${username.replace(/=/g, '=3D').replace(/,/g, '=2C')},r=${nonce}`
  let signature: Buffer | null = null
  const answerFirst = async (text: string): Promise<Buffer | null> => {
    const [, serverNonce, salt, count] = /^r=([^,]+),s=([A-Za-z0-9+/=]+),i=(\d{1,9})/.exec(text) ?? []
    const iterations = Number(count)
    if (!serverNonce?.startsWith(nonce) || serverNonce === nonce || salt === undefined) return null
    if (iterations < 1 || iterations > MAX_ITERATIONS) return null
    const exchange = [bare, text, `c=biws,r=${serverNonce}`].join(',')
    const proof = await scramProof(hash, password, Buffer.from(salt, 'base64'), iterations, exchange)
    signature = proof.signature
    return Buffer.from(`c=biws,r=${serverNonce},p=${proof.proof}`)
  }
  const answerFinal = (text: string, expected: Buffer): Buffer | null => {
    const got = Buffer.from(/^v=([A-Za-z0-9+/=]+)/.exec(text)?.[1] ?? '', 'base64')
    return got.length === expected.length && timingSafeEqual(got, expected) ? Buffer.alloc(0) : null
  }
  return {
    name,
    initial: Buffer.from(`n,,${bare}`),
    answer: async (challenge) =>
      signature === null ? answerFirst(challenge.toString()) : answerFinal(challenge.toString(), signature),
  }
}

const stretch = promisify(pbkdf2)

async function scramProof(
  hash: 'sha1' | 'sha256',
  password: string,
  salt: Buffer,
  iterations: number,
  message: string,
): Promise<{ proof: string; signature: Buffer }> {
  const sign = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest()
  const salted = await stretch(password.normalize('NFKC'), salt, iterations, hash === 'sha1' ? 20 : 32, hash)
  const clientKey = sign(salted, 'Client Key')
  const clientSignature = sign(createHash(hash).update(clientKey).digest(), message)
  const proof = Buffer.from(clientKey.map((octet, i) => octet ^ clientSignature[i]!)).toString('base64')
  return { proof, signature: sign(sign(salted, 'Server Key'), message) }
}
