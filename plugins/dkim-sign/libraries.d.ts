// The parts of dkim-signer 0.2.2 and mailauth 7.1.0 that the plugin uses and that bring no types of their own.
declare module 'dkim-signer' {
  const dkimSigner: {
    /** The field up to `b=`. `header` is without its last line end, `body` begins behind the empty line. */
    generateDKIMHeader(domain: string, selector: string, fieldNames: string, header: string, body: string): string
    readonly DKIMCanonicalizer: {
      relaxedHeaders(header: string, fieldNames: string): { readonly headers: string }
      relaxedHeaderLine(line: string): { readonly key: string; readonly value: string }
    }
  }
  export default dkimSigner
}

declare module 'mailauth/lib/dkim/dkim-signer.js' {
  import { Writable } from 'node:stream'

  interface ParsedHeaders {
    readonly parsed: { readonly key: string; casedKey: string }[]
  }
  interface SignatureData {
    readonly signingDomain: string
    readonly selector: string
    readonly privateKey: string
    readonly algorithm: string
  }
  /** Takes a message as a stream; its signatures are there once it has finished. */
  export class DkimSigner extends Writable {
    constructor(options: {
      readonly canonicalization: string
      readonly signTime: Date
      readonly headerList: readonly string[]
      readonly signatureData: readonly SignatureData[]
      readonly strict: boolean
    })
    readonly signatureHeaders: readonly string[]
    readonly errors: readonly { readonly selector?: string; readonly err: Error }[]
    protected messageHeaders(headers: ParsedHeaders): Promise<void>
  }
}
