// Every case of the SMTP, submission and LMTP suites passes before a correct server, and fails before one with its faults.
import { findSuite } from 'estafeta/conformance'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Certificate, createAuthority } from '../kit/certificates.ts'
import { faultsOf, judge, noticed, told } from './proof.ts'
import { SMTP_LIBERTIES, SMTP_PROOFS } from './proofs-smtp.ts'
import { PASSWORD, startSmtpReference, USER } from './reference/smtp.ts'
import type { SmtpFault } from './reference/smtp-faults.ts'

let pair: Certificate
beforeAll(async () => {
  pair = await (await createAuthority()).issue()
})

describe.each(['smtp', 'submission', 'lmtp'] as const)('the %s suite', (protocol) => {
  const run = async (faults: { fault?: SmtpFault; liberty?: SmtpFault }, ids: readonly string[]) => {
    const server = await startSmtpReference({ protocol, pair, ...faults })
    const account = { user: USER, password: PASSWORD, rcpt: USER, rcpt2: 'berta@example.org' }
    const answerSeconds = faults.fault ? 0.5 : 5
    try {
      return await judge(protocol, { port: server.port, tls: 'starttls', ...account, answerSeconds }, ids)
    } finally {
      await server.close()
    }
  }

  /** The same, with each case's liberty taken. */
  const runAll = async (fault: SmtpFault | null, ids: readonly string[]) => {
    const faults = fault === null ? {} : { fault }
    const special = ids.filter((id) => id in SMTP_LIBERTIES)
    const plain = await run(
      faults,
      ids.filter((id) => !special.includes(id)),
    )
    const others = await Promise.all(special.map((id) => run({ ...faults, liberty: SMTP_LIBERTIES[id]! }, [id])))
    return [...plain, ...others.flat()]
  }
  const ids = findSuite(protocol).cases.map(({ id }) => id)

  it('has a fault for each of its cases', () => {
    const proven = Object.keys(SMTP_PROOFS).filter((id) => id.startsWith(`${protocol}/`))
    expect(proven.toSorted()).toEqual(ids.toSorted())
  })

  it('passes whole before a correct server', async () => {
    const results = await runAll(null, ids)
    expect(told(results.filter(({ verdict }) => verdict !== 'pass'))).toEqual([])
  })

  it.concurrent.each(faultsOf(SMTP_PROOFS, protocol))('notices the fault %s', async (fault, ids) => {
    const results = await runAll(fault, ids)
    expect(told(results.filter((result) => !noticed(result)))).toEqual([])
  })
})
