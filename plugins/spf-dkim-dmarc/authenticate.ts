// All checks of one message, each by its part of mailauth in strict mode, and the header fields that tell of them.
import { isIP } from 'node:net'
import type { HeaderEdit, MessageFacts } from 'estafeta/plugin'
import libmime from 'libmime'
import type { SPFResult } from 'mailauth'
import { arc } from 'mailauth/lib/arc/index.js'
import { evaluateDmarc } from 'mailauth/lib/dmarc/index.js'
import { spf } from 'mailauth/lib/spf/index.js'
import { formatAuthservId } from 'mailauth/lib/tools.js'
import type { Results } from './policy.ts'
import type { NodeResolver } from './resolver.ts'
import { SignatureVerifier } from './signatures.ts'

export interface Client {
  readonly ip: string
  readonly helo: string
  readonly sender: string
  /** The name of this host. */
  readonly mta: string
}

export function checkSpf({ helo, ...client }: Client, resolver: NodeResolver): Promise<SPFResult> {
  const name = helo || client.ip
  return spf({ ...client, helo: isIP(name) ? `[${name}]` : name, resolver, strict: true })
}

/** `known` is what SPF said at MAIL, if it was asked there. */
export async function authenticate(
  message: MessageFacts,
  client: Client,
  resolver: NodeResolver,
  known: SPFResult | undefined,
): Promise<Results> {
  const verifier = new SignatureVerifier(resolver)
  const [spf] = await Promise.all([known ?? checkSpf(client, resolver), verifier.verify(message)])
  const dkim = verifier.results
  const chain = await arc(verifier.arc, { resolver, strict: true, ip: client.ip })
  const { response: dmarc, reason } = await evaluateDmarc({
    headerFrom: verifier.headerFrom,
    fromFields: verifier.fromFields,
    spfDomains: spf.status.result === 'pass' ? [spf.domain] : [],
    dkimDomains: dkim
      .filter(({ status }) => status.result === 'pass')
      .map(({ signingDomain, status }) => ({ domain: signingDomain!, underSized: status.underSized ?? 0 })),
    arcResult: chain,
    resolver,
    strict: true,
  })
  return { spf, dkim, arc: chain, dmarc, skipped: reason }
}

/** RFC 8601 §2.2, RFC 7208 §9.1 */
export function resultFields({ spf, dkim, arc, dmarc }: Results, mta: string): HeaderEdit[] {
  const methods = [...dkim, spf, arc, ...(dmarc ? [dmarc] : [])]
  const lines = methods.map(({ info }) => libmime.foldLines(info ?? '', 160))
  const results = [formatAuthservId(mta, true), ...lines].join(';\r\n ')
  return [
    { name: 'Authentication-Results', value: results },
    { name: 'Received-SPF', value: spf.header.slice('Received-SPF: '.length) },
  ]
}
