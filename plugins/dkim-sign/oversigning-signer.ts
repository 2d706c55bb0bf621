// mailauth's signer for any message, as a stream, with fields named once more than they are there.
import { DkimSigner } from 'mailauth/lib/dkim/dkim-signer.js'
import type { SigningKey } from './keys.ts'
import type { SignRequest } from './signer.ts'

export class OversigningSigner extends DkimSigner {
  readonly #fields: ReadonlySet<string>
  readonly #oversign: readonly string[]

  constructor({ fields, oversign, signTime }: SignRequest, keys: readonly SigningKey[]) {
    super({
      canonicalization: 'relaxed/relaxed',
      signTime,
      headerList: fields,
      strict: true,
      signatureData: keys.map(({ domain, selector, pem, type }) => ({
        signingDomain: domain,
        selector,
        privateKey: pem,
        algorithm: `${type}-sha256`,
      })),
    })
    this.#fields = new Set(fields.map((name) => name.toLowerCase()))
    this.#oversign = oversign
  }

  /** Names in `h=` that come after all that are there stand for fields that are not there (RFC 6376 §5.4.2). */
  protected override async messageHeaders(headers: Parameters<DkimSigner['messageHeaders']>[0]): Promise<void> {
    // fields are signed from the bottom up: the topmost is the last in h=
    const last = headers.parsed.find(({ key }) => this.#fields.has(key))
    if (last) last.casedKey = [last.casedKey, ...this.#oversign].join(': ')
    await super.messageHeaders(headers)
  }
}
