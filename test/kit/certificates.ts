// Certificates for TLS tests: a private authority, and server certificates that clients who know it accept.
import 'reflect-metadata'
import { X509Certificate as NodeCertificate, webcrypto } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY = 24 * 3600 * 1000

export interface Certificate {
  /** PEM. */
  readonly cert: string
  readonly key: string
  /** SHA-256 of the certificate, as `AB:CD:…`. */
  readonly fingerprint: string
}

export interface Authority extends Certificate {
  /** A certificate signed by this authority. Names are host names or addresses; the first is the common name. */
  issue(names?: readonly string[], options?: { days?: number; startsInDays?: number }): Promise<Certificate>
}

/** A new certificate authority, for one test run. */
export async function createAuthority(name = 'Test Authority'): Promise<Authority> {
  x509.cryptoProvider.set(webcrypto as Crypto)
  const keys = await newKeys()
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    ...validity(-1, 30),
    signingAlgorithm: EC,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  let serial = 1
  return {
    ...(await asPem(root, keys)),
    async issue(names = ['localhost', '127.0.0.1', '::1'], options = {}) {
      const start = options.startsInDays ?? -1
      const own = await newKeys()
      serial += 1
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serial.toString(16).padStart(2, '0'),
        subject: `CN=${names[0]}`,
        issuer: root.subject,
        ...validity(start, start + (options.days ?? 20)),
        signingAlgorithm: EC,
        signingKey: keys.privateKey,
        publicKey: own.publicKey,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
          new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: nameType(value), value }))),
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ],
      })
      return asPem(certificate, own)
    },
  }
}

/** Writes `<name>.crt` and `<name>.key` (mode 0600) into a folder; gives their paths. */
export function writeCertificate(folder: string, name: string, pair: Certificate): { cert: string; key: string } {
  const cert = join(folder, `${name}.crt`)
  const key = join(folder, `${name}.key`)
  writeFileSync(cert, pair.cert)
  writeFileSync(key, pair.key, { mode: 0o600 })
  return { cert, key }
}

const newKeys = () => webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>

const nameType = (value: string) => (/^[\d.]+$|:/.test(value) ? 'ip' : 'dns')

const validity = (from: number, to: number) => ({
  notBefore: new Date(Date.now() + from * DAY),
  notAfter: new Date(Date.now() + to * DAY),
})

async function asPem(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair): Promise<Certificate> {
  const cert = certificate.toString('pem') + '\n'
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey as webcrypto.CryptoKey))
  const lines = pkcs8.toString('base64').replace(/.{64}/g, '$&\n')
  return {
    cert,
    key: `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`,
    fingerprint: new NodeCertificate(cert).fingerprint256,
  }
}
