// Every case of the smtp-client suite passes before a correct sender, and fails before one with a fault that it is about.
import { findSuite } from 'estafeta/conformance'
import { describe, expect, it, vi } from 'vitest'
import { senderFaults } from './faults/sender.ts'
import { told } from './proof.ts'
import { unnoticed, unpassed } from './proof-smtp-client.ts'
import type { SenderFault } from './sender-fault.ts'

// most of the time is waiting for what a fault keeps from coming
vi.setConfig({ maxConcurrency: 12 })

const ids = findSuite('smtp-client').cases.map(({ id }) => id)
const faults: [name: string, fault: SenderFault][] = Object.entries(senderFaults)

describe('the smtp-client suite', () => {
  it('has a fault for each of its cases', () => {
    const proven = new Set(faults.flatMap(([, { proves }]) => proves))
    expect([...proven].toSorted()).toEqual(ids.toSorted())
  })

  it('passes whole before a correct sender', async () => {
    expect(told(await unpassed({}, ids))).toEqual([])
  }, 240_000)

  it('passes before a correct sender that keeps connections open', async () => {
    expect(told(await unpassed({ keeps: true }, ids))).toEqual([])
  }, 240_000)

  it('passes as the smarthost of a correct sender, but for what needs names or several addresses', async () => {
    const some = ids.filter((id) => /^smtp-client\/(greeting|refused|deferred|partial|tls)\//.test(id))
    expect(told(await unpassed({ smarthost: true }, some))).toEqual([])
    const hosts = ids.filter((id) => id.startsWith('smtp-client/hosts/'))
    expect(told(await unpassed({ smarthost: true }, hosts, 'skip'))).toEqual([])
  }, 300_000)

  it.concurrent.each(faults)(
    'notices the fault %s',
    async (_, fault) => {
      expect(told(await unnoticed(fault))).toEqual([])
    },
    120_000,
  )
})
