// Every case of the SMTP, submission and LMTP suites passes before a correct server, and fails before one with its faults.
import { findSuite } from 'estafeta/conformance'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Certificate, createAuthority } from '../kit/certificates.ts'
import { faultsOf, judge, noticed, told } from './proof.ts'
import { SMTP_PROOFS } from './proofs-smtp.ts'
import { PASSWORD, startSmtpReference, USER } from './reference/smtp.ts'
import type { SmtpFault } from './reference/smtp-faults.ts'

let pair: Certificate
beforeAll(async () => {
  pair = await (await createAuthority()).issue()
})

describe.each(['smtp', 'submission', 'lmtp'] as const)('the %s suite', (protocol) => {
  const run = async (fault: SmtpFault | null, ids: readonly string[] | null) => {
    const server = await startSmtpReference({ protocol, pair, ...(fault === null ? {} : { fault }) })
    const account = { user: USER, password: PASSWORD, rcpt: USER, rcpt2: 'berta@example.org' }
    const answerSeconds = fault === null ? 5 : 0.5
    try {
      return await judge(protocol, { port: server.port, tls: 'starttls', ...account, answerSeconds }, ids)
    } finally {
      await server.close()
    }
  }

  it('has a fault for each of its cases', () => {
    const ids = findSuite(protocol).cases.map(({ id }) => id)
    const proven = Object.keys(SMTP_PROOFS).filter((id) => id.startsWith(`${protocol}/`))
    expect(proven.toSorted()).toEqual(ids.toSorted())
  })

  it('passes whole before a correct server', async () => {
    const results = await run(null, null)
    expect(told(results.filter(({ verdict }) => verdict !== 'pass'))).toEqual([])
  })

  it.concurrent.each(faultsOf(SMTP_PROOFS, protocol))('notices the fault %s', async (fault, ids) => {
    const results = await run(fault, ids)
    expect(told(results.filter((result) => !noticed(result)))).toEqual([])
  })
})
