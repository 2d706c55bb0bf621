// Every case of the POP3 suite passes before a correct server, and fails before one with its faults.
import { type CaseResult, findSuite, type TlsMode } from 'estafeta/conformance'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Certificate, createAuthority } from '../kit/certificates.ts'
import { faultsOf, judge, noticed, PATIENCE, told, unnoticed } from './proof.ts'
import { POP3_PROOFS } from './proofs-pop3.ts'
import { PASSWORD, startPop3Reference, USER } from './reference/pop3.ts'
import { BEHAVIOUR_FAULTS, CAPABILITY_FAULTS, type Pop3Fault, REPLY_FAULTS } from './reference/pop3-faults.ts'
import { Maildrop } from './reference/pop3-maildrop.ts'
import { startSmtpReference } from './reference/smtp.ts'

let pair: Certificate
beforeAll(async () => {
  pair = await (await createAuthority()).issue()
})

describe('the pop3 suite', () => {
  const run = async (
    fault: Pop3Fault | null,
    ids: readonly string[],
    answerSeconds: number,
    tls: TlsMode,
    account = true,
  ) => {
    const maildrop = new Maildrop(fault === 'uidl-reused')
    const deliver = (_: string, message: string): void => maildrop.add(`${message}\r\n`)
    const feed = await startSmtpReference({ protocol: 'lmtp', pair, deliver })
    const implicitTls = tls === 'implicit' && fault !== 'greeting-in-clear'
    const server = await startPop3Reference({ pair, maildrop, implicitTls, ...(fault === null ? {} : { fault }) })
    const login = account ? { user: USER, password: PASSWORD } : {}
    const given = { ...login, rcpt: USER, feed: `lmtp://127.0.0.1:${feed.port}` }
    try {
      return await judge('pop3', { port: server.port, tls, ...given, answerSeconds }, ids)
    } finally {
      await Promise.all([server.close(), feed.close()])
    }
  }

  /** Within TLS; then what skips itself there: in the clear, and on a port with TLS from the start. */
  const runAll = async (fault: Pop3Fault | null, ids: readonly string[], answerSeconds: number) => {
    const results: CaseResult[] = []
    let left = ids
    for (const tls of ['starttls', 'none', 'implicit'] as const) {
      const judged = left.length > 0 ? await run(fault, left, answerSeconds, tls) : []
      const skipped = tls === 'implicit' ? [] : judged.filter(({ verdict }) => verdict === 'skip')
      results.push(...judged.filter((result) => !skipped.includes(result)))
      left = skipped.map(({ facts }) => facts.id)
    }
    return results
  }
  const ids = findSuite('pop3').cases.map(({ id }) => id)

  it('has a fault for each of its cases', () => {
    expect(Object.keys(POP3_PROOFS).toSorted()).toEqual(ids.toSorted())
  })

  it('asks for every fault of the reference', () => {
    const asked = new Set<string>(Object.values(POP3_PROOFS).flat())
    const faults = [BEHAVIOUR_FAULTS, REPLY_FAULTS, CAPABILITY_FAULTS].flatMap((table) => Object.keys(table))
    expect(faults.filter((fault) => !asked.has(fault))).toEqual([])
  })

  it('passes whole before a correct server', async () => {
    const results = await runAll(null, ids, PATIENCE.correct)
    expect(told(results.filter(({ verdict }) => verdict !== 'pass'))).toEqual([])
  })

  it.each([
    ['none', true],
    ['implicit', true],
    ['none', false],
    ['starttls', false],
    ['implicit', false],
  ] as const)('holds nothing against a correct server, tls %s, with an account: %s', async (tls, account) => {
    const results = await run(null, ids, PATIENCE.correct, tls, account)
    expect(told(results.filter(noticed))).toEqual([])
  })

  it.concurrent.each(faultsOf(POP3_PROOFS, 'pop3'))('notices the fault %s', async (fault, ids) => {
    const missed = await unnoticed((some, answerSeconds) => runAll(fault, some, answerSeconds), ids)
    expect(told(missed)).toEqual([])
  })
})
