// Every case of the SMTP, submission and LMTP suites passes before a correct server, and fails before one with its faults.
import { findSuite } from 'estafeta/conformance'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Certificate, createAuthority } from '../kit/certificates.ts'
import { faultsOf, judge, noticed, PATIENCE, told, unnoticed } from './proof.ts'
import { type Setting, SMTP_PROOFS, SMTP_SETTINGS } from './proofs-smtp.ts'
import { PASSWORD, startSmtpReference, USER } from './reference/smtp.ts'
import { BEHAVIOUR_FAULTS, type SmtpFault } from './reference/smtp-faults.ts'
import { KEYWORD_FAULTS, REPLY_FAULTS } from './reference/smtp-wordings.ts'

let pair: Certificate
beforeAll(async () => {
  pair = await (await createAuthority()).issue()
})

it('every fault of the SMTP reference is asked for by a case', () => {
  const asked = new Set<string>(Object.values(SMTP_PROOFS).flat())
  const needed = Object.values(SMTP_SETTINGS).flatMap(({ liberty }) => liberty ?? [])
  const faults = [BEHAVIOUR_FAULTS, REPLY_FAULTS, KEYWORD_FAULTS].flatMap((table) => Object.keys(table))
  expect(faults.filter((fault) => ![...asked, ...needed].includes(fault))).toEqual([])
})

describe.each(['smtp', 'submission', 'lmtp'] as const)('the %s suite', (protocol) => {
  const run = async (fault: SmtpFault | null, setting: Setting, ids: readonly string[], answerSeconds: number) => {
    const { liberty, account, ...place } = setting
    const faults = { ...(fault ? { fault } : {}), ...(liberty ? { liberty } : {}) }
    const server = await startSmtpReference({ protocol, pair, ...faults, implicitTls: place.tls === 'implicit' })
    const login = account === 'none' ? {} : { user: USER, password: PASSWORD }
    const recipients = { rcpt: USER, rcpt2: 'berta@example.org' }
    const given = {
      port: server.port,
      tls: 'starttls',
      answerSeconds,
      ...login,
      ...recipients,
    } as const
    try {
      return await judge(protocol, { ...given, ...place }, ids)
    } finally {
      await server.close()
    }
  }

  /** All these cases, those that need it in their setting. */
  const runAll = async (fault: SmtpFault | null, ids: readonly string[], answerSeconds: number) => {
    const set = ids.filter((id) => id in SMTP_SETTINGS)
    const rest = ids.filter((id) => !set.includes(id))
    const runs = set.map((id) => run(fault, SMTP_SETTINGS[id]!, [id], answerSeconds))
    if (rest.length > 0) runs.push(run(fault, {}, rest, answerSeconds))
    return (await Promise.all(runs)).flat()
  }
  const ids = findSuite(protocol).cases.map(({ id }) => id)

  it('has a fault for each of its cases', () => {
    const proven = Object.keys(SMTP_PROOFS).filter((id) => id.startsWith(`${protocol}/`))
    expect(proven.toSorted()).toEqual(ids.toSorted())
  })

  it('passes whole before a correct server', async () => {
    const results = await runAll(null, ids, PATIENCE.correct)
    expect(told(results.filter(({ verdict }) => verdict !== 'pass'))).toEqual([])
  })

  it.each<Setting>([
    { tls: 'none' },
    { tls: 'none', account: 'none' },
    { tls: 'implicit' },
    { tls: 'implicit', account: 'none' },
    { account: 'none' },
  ])('holds nothing against a correct server, reached by $tls', async (setting) => {
    const results = await run(null, setting, ids, PATIENCE.correct)
    expect(told(results.filter(noticed))).toEqual([])
  })

  it.concurrent.each(faultsOf(SMTP_PROOFS, protocol))('notices the fault %s', async (fault, ids) => {
    const missed = await unnoticed((some, answerSeconds) => runAll(fault, some, answerSeconds), ids)
    expect(told(missed)).toEqual([])
  })
})
