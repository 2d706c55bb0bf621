// Cases of the IMAP suite about extensions that real servers have: each passes before Dovecot or Cyrus, and not through a faulty proxy.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Fault } from '../conformance/fault.ts'
import { imapFaults } from '../conformance/faults/imap.ts'
import { type Peers, startPeers } from '../conformance/peers-imap.ts'
import { noticed, told } from '../conformance/proof.ts'
import { judgeImap, sideOf } from '../conformance/proof-imap.ts'

let peers: Peers
beforeAll(async () => {
  peers = await startPeers()
})
afterAll(async () => {
  await peers?.stop()
})

const SIDES = ['dovecot', 'cyrus']
const faults = Object.entries(imapFaults).filter(([, fault]) => SIDES.includes(sideOf(fault)))

describe('the IMAP suite before real servers', () => {
  it.each(SIDES)('passes before %s what is proven there', async (side) => {
    const ids = [...new Set(faults.flatMap(([, fault]) => (sideOf(fault) === side ? fault.proves : [])))]
    const results = await judgeImap(peers.sides[side]!, null, ids)
    expect(told(results.filter(({ verdict }) => verdict !== 'pass'))).toEqual([])
  })

  it.concurrent.each(faults)('notices the fault %s', async (_, fault: Fault) => {
    const results = await judgeImap(peers.sides[sideOf(fault)]!, fault, fault.proves)
    expect(told(results.filter((result) => !noticed(result)))).toEqual([])
  })
})
