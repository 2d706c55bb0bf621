// Every case of the IMAP suite can fail: it passes before the reference server and does not before one with a fault that it is about.
import { findSuite } from 'estafeta/conformance'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Certificate, createAuthority } from '../kit/certificates.ts'
import type { Fault } from './fault.ts'
import { imapFaults } from './faults/imap.ts'
import { noticed, told } from './proof.ts'
import { judgeImap, references, sideOf } from './proof-imap.ts'

let pair: Certificate
beforeAll(async () => {
  pair = await (await createAuthority()).issue()
})

const SIDES = [
  'reference',
  'implicit',
  'private',
  'keeping',
  'limited',
  'limits',
  'levels',
  'extended',
  'modseq',
  'minus',
]
const faults = Object.entries(imapFaults).filter(([, fault]) => SIDES.includes(sideOf(fault)))
const provenOn = (side: string): string[] => [
  ...new Set(faults.flatMap(([, fault]) => (sideOf(fault) === side ? fault.proves : []))),
]

describe('the IMAP suite', () => {
  it('has a fault for each of its cases', () => {
    const proven = new Set(Object.values(imapFaults).flatMap(({ proves }) => proves))
    const ids = findSuite('imap').cases.map(({ id }) => id)
    expect([...proven].toSorted()).toEqual(ids.toSorted())
  })

  it.each(SIDES.filter((side) => provenOn(side).length > 0))('passes before a correct server: %s', async (side) => {
    const results = await judgeImap(references(pair)[side]!, null, provenOn(side))
    expect(told(results.filter(({ verdict }) => verdict !== 'pass'))).toEqual([])
  })

  it.concurrent.each(faults)('notices the fault %s', async (_, fault: Fault) => {
    const results = await judgeImap(references(pair)[sideOf(fault)]!, fault, fault.proves)
    expect(told(results.filter((result) => !noticed(result)))).toEqual([])
  })
})
