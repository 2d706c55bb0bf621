// The parts of mailauth 7.1.0 and libmime 5.4.4 that the plugin uses and that bring no types of their own.
declare module 'mailauth/lib/dkim/dkim-verifier.js' {
  import type { Writable } from 'node:stream'
  import type { ARCData, DKIMResult } from 'mailauth'
  import type { ParsedHeaders, PublicKey } from 'mailauth/lib/tools.js'

  type Resolver = (name: string, type: string) => Promise<string[]>

  export interface KeyOptions {
    readonly strict: boolean
    readonly hashAlgo: string
  }
  export interface KeyLookup {
    readonly resolver: Resolver
    get(type: string, name: string, minBitLength: number | undefined, options: KeyOptions): Promise<PublicKey>
  }

  /** Takes a message as a stream; or its parts by those of the methods that a subclass may call. */
  export class DkimVerifier extends Writable {
    constructor(options: { readonly resolver: Resolver; readonly strict: boolean })
    keyCache: KeyLookup
    readonly arc: ARCData & { keyCache: KeyLookup }
    readonly results: DKIMResult[]
    /** The addresses of all From fields, and how many such fields there are. */
    readonly headerFrom: string[]
    readonly fromFields: number
    protected messageHeaders(headers: ParsedHeaders): Promise<void>
    protected nextChunk(chunk: Buffer): Promise<void>
    protected finalChunk(): Promise<void>
  }
}

declare module 'mailauth/lib/tools.js' {
  import type { KeyObject } from 'node:crypto'
  import type { KeyOptions } from 'mailauth/lib/dkim/dkim-verifier.js'

  /** A key with what its record says of it. */
  export interface PublicKey {
    readonly publicKey: string | KeyObject
  }
  export function getPublicKey(
    type: string,
    name: string,
    minBitLength: number | undefined,
    resolver: (name: string, type: string) => Promise<string[]>,
    options: KeyOptions,
  ): Promise<PublicKey & { readonly publicKey: string }>
  export interface ParsedHeaders {
    readonly parsed: readonly { readonly key: string; readonly line: Buffer }[]
  }
  export function parseHeaders(header: Buffer): ParsedHeaders
  export function toALabel(domain: string): string
  export function formatAuthservId(hostname: string, strict: boolean): string
}

declare module 'libmime' {
  const libmime: { foldLines(text: string, lineLength: number): string }
  export default libmime
}
