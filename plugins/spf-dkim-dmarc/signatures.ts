// Verifies the signatures of a message, DKIM's and the newest of ARC: mailauth's verifier, given the parts that are at hand.
import type { MessageFacts } from 'estafeta/plugin'
import { DkimVerifier } from 'mailauth/lib/dkim/dkim-verifier.js'
import { parseHeaders } from 'mailauth/lib/tools.js'
import { keyLookup } from './keys.ts'
import type { NodeResolver } from './resolver.ts'
import { bodyChunks, boundedHeader } from './source.ts'

export class SignatureVerifier extends DkimVerifier {
  constructor(resolver: NodeResolver) {
    super({ resolver, strict: true })
    this.keyCache = keyLookup(resolver)
    this.arc.keyCache = this.keyCache
  }

  /** Instead of writing to it: as a stream it looks at each octet of a message for its parts, which are known. */
  async verify(message: MessageFacts): Promise<void> {
    await this.messageHeaders(parseHeaders(boundedHeader(message)))
    for await (const chunk of bodyChunks(message)) await this.nextChunk(chunk)
    await this.finalChunk()
  }
}
