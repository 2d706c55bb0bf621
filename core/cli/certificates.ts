// What can be said of the configured certificate before a client sees it: whether it can be used, and what may surprise.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { systemClock } from '../base/clock.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { Problem } from '../config/problems.ts'

const DAY = 24 * 3600 * 1000

/** Certificates that cannot be read, do not hold now, or do not fit their key. */
export function certificateProblems(loaded: LoadedConfig): Problem[] {
  const { tls } = loaded.site
  if (tls === null) return []
  const problems: Problem[] = []
  const read = <T>(part: 'cert' | 'key', make: (bytes: Buffer) => T, what: string): T | null => {
    let bytes: Buffer
    try {
      bytes = readFileSync(tls[part])
    } catch (error) {
      problems.push(loaded.problem(['tls', part], `cannot be read: ${(error as Error).message}`))
      return null
    }
    try {
      return make(bytes)
    } catch (error) {
      problems.push(loaded.problem(['tls', part], `is no ${what}: ${(error as Error).message}`))
      return null
    }
  }
  const certificate = read('cert', (bytes) => new X509Certificate(bytes), 'PEM certificate')
  const key = read('key', (bytes) => createPrivateKey(bytes), 'PEM private key without a passphrase')
  if (certificate !== null) problems.push(...misfits(certificate, key, loaded))
  return problems
}

function misfits(certificate: X509Certificate, key: KeyObject | null, loaded: LoadedConfig): Problem[] {
  const problems: Problem[] = []
  const now = systemClock.now()
  if (certificate.validToDate.getTime() < now)
    problems.push(loaded.problem(['tls', 'cert'], `expired on ${certificate.validTo}`))
  if (certificate.validFromDate.getTime() > now)
    problems.push(loaded.problem(['tls', 'cert'], `is valid only from ${certificate.validFrom}`))
  if (key !== null && !certificate.checkPrivateKey(key))
    problems.push(loaded.problem(['tls', 'key'], 'is not the key of tls.cert'))
  return problems
}

/** Of a certificate without problems: when it ends soon, and when clients will miss the host's name in it. */
export function certificateNotes({ site }: LoadedConfig): string[] {
  if (site.tls === null) return []
  const certificate = new X509Certificate(readFileSync(site.tls.cert))
  const notes: string[] = []
  if (certificate.checkHost(site.hostname) === undefined)
    notes.push(`tls.cert is not for ${site.hostname}: ${certificate.subjectAltName ?? certificate.subject}`)
  if (certificate.validToDate.getTime() < systemClock.now() + SOON)
    notes.push(`tls.cert ends on ${certificate.validTo}`)
  return notes
}

const SOON = 14 * DAY
