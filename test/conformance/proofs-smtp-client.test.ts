// Every case of the smtp-client suite passes before a correct sender, and fails before one with its faults.
import { type CaseResult, findSuite } from 'estafeta/conformance'
import { describe, expect, it } from 'vitest'
import { freePorts } from '../kit/free-port.ts'
import { faultsOf, judge, noticed, told } from './proof.ts'
import { SMTP_CLIENT_PROOFS } from './proofs-smtp-client.ts'
import { startSender } from './reference/sender.ts'
import { SENDER_FAULTS, type SenderFault } from './reference/sender-faults.ts'

const PATIENT = { answerSeconds: 5, retryWaitSeconds: 6 }
/** For what took too long on a busy machine: asked again, alone. */
const VERY_PATIENT = { answerSeconds: 15, retryWaitSeconds: 20 }
const HASTY = { answerSeconds: 2, retryWaitSeconds: 3 }

/** Runs that go on beside each other look for ports one after another, and never get the same. */
const taken = new Set<number>()
let turn: Promise<unknown> = Promise.resolve()
function twoPorts(): Promise<[number, number]> {
  const found = turn.then(async (): Promise<[number, number]> => {
    for (;;) {
      const [a = 0, b = 0] = await freePorts(2)
      if (taken.has(a) || taken.has(b)) continue
      taken.add(a).add(b)
      return [a, b]
    }
  })
  turn = found
  return found
}

const idsOf = (results: readonly CaseResult[]): string[] => results.map(({ facts }) => facts.id)

describe('the smtp-client suite', () => {
  const run = async (fault: SenderFault | null, ids: readonly string[] | null, patience = PATIENT) => {
    const [listen, dns] = await twoPorts()
    const sender = await startSender({
      port: listen,
      names: { host: '127.0.0.1', port: dns },
      ...(fault === null ? {} : { fault }),
    })
    const runner = { listen: `127.0.0.1:${listen}`, dns: `127.0.0.1:${dns}` }
    try {
      return await judge('smtp-client', { port: sender.port, ...runner, ...(fault === null ? patience : HASTY) }, ids)
    } finally {
      await sender.close()
    }
  }

  it('has a fault for each of its cases, and a case for each fault', () => {
    const ids = findSuite('smtp-client').cases.map(({ id }) => id)
    expect(Object.keys(SMTP_CLIENT_PROOFS).toSorted()).toEqual(ids.toSorted())
    expect([...new Set(Object.values(SMTP_CLIENT_PROOFS).flat())].toSorted()).toEqual([...SENDER_FAULTS].toSorted())
  })

  it('passes whole before a correct sender', async () => {
    const red = idsOf((await run(null, null)).filter(({ verdict }) => verdict !== 'pass'))
    const results = red.length === 0 ? [] : await run(null, red, VERY_PATIENT)
    expect(told(results.filter(({ verdict }) => verdict !== 'pass'))).toEqual([])
  }, 240_000)

  it('passes as the smarthost of a correct sender, but for what needs names or several addresses', async () => {
    const [listen] = await twoPorts()
    const sender = await startSender({ port: listen, names: null })
    const ask = (cases: readonly string[], patience: typeof PATIENT) =>
      judge('smtp-client', { port: sender.port, listen: `127.0.0.1:${listen}`, ...patience }, cases)
    const ids = findSuite('smtp-client')
      .cases.map(({ id }) => id)
      .filter((id) => /^smtp-client\/(greeting|refused|deferred|partial|tls|hosts)\//.test(id))
    try {
      const results = await ask(ids, PATIENT)
      const aside = results.filter(({ facts }) => facts.id.startsWith('smtp-client/hosts/'))
      expect(new Set(aside.map(({ verdict }) => verdict))).toEqual(new Set(['skip']))
      const red = idsOf(results.filter((result) => !aside.includes(result) && result.verdict !== 'pass'))
      const again = red.length === 0 ? [] : await ask(red, VERY_PATIENT)
      expect(told(again.filter(({ verdict }) => verdict !== 'pass'))).toEqual([])
    } finally {
      await sender.close()
    }
  }, 300_000)

  it.concurrent.each(faultsOf(SMTP_CLIENT_PROOFS, 'smtp-client'))('notices the fault %s', async (fault, ids) => {
    const results = await run(fault, ids)
    expect(told(results.filter((result) => !noticed(result)))).toEqual([])
  })
})
