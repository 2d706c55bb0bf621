// Makes DKIM signatures (RFC 6376, RFC 8463): by dkim-signer where that is right and quick, else by mailauth.
import { sign as signData } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { contentChunks, type HeaderEdit, type MessageContent } from 'estafeta/plugin'
import { suitsDkimSigner } from './guard.ts'
import type { SigningKey } from './keys.ts'

export interface SignRequest {
  readonly content: MessageContent
  readonly keys: readonly SigningKey[]
  /** Fields to sign, as far as they are there. */
  readonly fields: readonly string[]
  /** Fields named once more than they are there, so that none can be added (RFC 6376 §8.15). */
  readonly oversign: readonly string[]
  readonly fromFields: number
  readonly signTime: Date
}

// both libraries are loaded when first needed: they cost tens of megabytes and a third of a second
const loadDkimSigner = once(() => import('dkim-signer'))
const loadMailauth = once(() => import('./oversigning-signer.ts'))

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | null = null
  return () => (loaded ??= load())
}

/** DKIM-Signature fields, one a key, in the order of the keys. Throws when one cannot be made. */
export async function sign(request: SignRequest, signal: AbortSignal): Promise<HeaderEdit[]> {
  const plain = await plainMessage(request)
  const easy = plain === null ? [] : request.keys.filter((key) => key.type === 'rsa')
  const other = request.keys.filter((key) => !easy.includes(key))
  const [some, more] = await Promise.all([
    Promise.all(easy.map((key) => signEasy(plain!, key, request.fields))),
    other.length === 0 ? [] : signAny(request, other, signal),
  ])
  const made = [...some, ...more]
  const order = [...easy, ...other]
  return request.keys.map((key) => asField(made[order.indexOf(key)]!))
}

/** The message as text when dkim-signer may have it, else null. */
async function plainMessage({ content, fromFields, oversign }: SignRequest): Promise<string | null> {
  if (fromFields !== 1 || oversign.length > 0 || content.body.bytes === null) return null
  const message = Buffer.concat([content.header, content.body.bytes.subarray(content.bodyStart)])
  return suitsDkimSigner(message, content.header.length) ? message.toString('latin1') : null
}

/** An RSA signature takes the better part of a millisecond: with a callback, another thread makes it. */
const signAside = promisify(signData)

/** DKIMSign of dkim-signer in its steps, for the one that is made aside. */
async function signEasy(
  message: string,
  { domain, selector, key }: SigningKey,
  fields: readonly string[],
): Promise<string> {
  const { generateDKIMHeader, DKIMCanonicalizer } = (await loadDkimSigner()).default
  const names = fields.join(':')
  const headerEnd = message.indexOf('\r\n\r\n')
  const header = message.slice(0, headerEnd)
  const unsigned = generateDKIMHeader(domain, selector, names, header, message.slice(headerEnd + 4))
  const own = DKIMCanonicalizer.relaxedHeaderLine(unsigned)
  const data = `${DKIMCanonicalizer.relaxedHeaders(header, names).headers}${own.key}:${own.value}`
  const signature = await signAside('RSA-SHA256', Buffer.from(data), key)
  return unsigned + signature.toString('base64').replace(/^.{73}|.{75}/g, '$&\r\n ')
}

async function signAny(request: SignRequest, keys: readonly SigningKey[], signal: AbortSignal): Promise<string[]> {
  const { OversigningSigner } = await loadMailauth()
  const signer = new OversigningSigner(request, keys)
  await pipeline(Readable.from(unfolded(request.content)), signer, { signal })
  const [failed] = signer.errors
  if (failed) throw new Error(`DKIM signing with selector ${failed.selector} failed: ${failed.err.message}`)
  if (signer.signatureHeaders.length !== keys.length) throw new Error('DKIM signing gave too few signatures')
  return [...signer.signatureHeaders]
}

/**
 * Mailauth copies what it has of a field for each line that continues it; relaxed, a field is signed the same without
 * its folds (RFC 6376 §3.4.2).
 */
async function* unfolded(content: MessageContent): AsyncIterable<Buffer> {
  let isHeader = true
  for await (const chunk of contentChunks(content)) {
    yield isHeader ? Buffer.from(chunk.toString('latin1').replace(/\r\n(?=[ \t])/g, ''), 'latin1') : chunk
    isHeader = false
  }
}

function asField(signature: string): HeaderEdit {
  const colon = signature.indexOf(':')
  return { name: signature.slice(0, colon), value: signature.slice(colon + 1).trim() }
}
