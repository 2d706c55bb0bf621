// The log's records: what is written is read back, what is damaged is found, and nothing else passes for a record.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  align,
  formatHeader,
  HEADER_SIZE,
  parseHeader,
  recordBound,
  scanSegment,
  sealBatch,
  writeRecord,
} from './log-format.ts'

const NONCE = 0x1122334455667788n

interface Written {
  readonly head: string
  readonly payload: string
}

/** A segment of batches, and where each record stands. */
function segment(batches: readonly (readonly Written[])[], tail = 0) {
  let bytes = formatHeader(7, NONCE)
  const at: number[] = []
  for (const batch of batches) {
    const buffer = Buffer.alloc(batch.reduce((sum, r) => sum + recordBound(r.head, [Buffer.from(r.payload)]), 0))
    let length = 0
    for (const { head, payload } of batch) {
      at.push(bytes.length + length)
      length = align(length + writeRecord(buffer, length, head, [Buffer.from(payload)]).length)
    }
    sealBatch(buffer.subarray(0, length), NONCE, bytes.length)
    bytes = Buffer.concat([bytes, buffer.subarray(0, length)])
  }
  return { bytes: Buffer.concat([bytes, Buffer.alloc(tail)]), at, end: bytes.length }
}

const batches = fc.array(
  fc.array(fc.record({ head: fc.string({ unit: 'binary' }), payload: fc.string() }), { minLength: 1, maxLength: 4 }),
  {
    maxLength: 6,
  },
)

it('reads back what was written', () => {
  fc.assert(
    fc.property(batches, fc.nat(100), (written, tail) => {
      const { bytes, at, end } = segment(written, tail)
      const scan = scanSegment(bytes, NONCE)
      expect(scan).toMatchObject({ end, torn: false, damages: [] })
      expect(scan.records.map((r) => r.at)).toEqual(at)
      const read = scan.records.map((r) => ({
        head: r.head.toString(),
        payload: bytes.subarray(r.payloadAt, r.at + r.length).toString(),
      }))
      expect(read).toEqual(written.flat().map(({ head, payload }) => ({ head: Buffer.from(head).toString(), payload })))
    }),
  )
})

it('finds any damage of one octet, and loses no other record', () => {
  fc.assert(
    fc.property(batches, fc.nat(), fc.integer({ min: 1, max: 255 }), (written, where, change) => {
      const { bytes, at, end } = segment(written, 64)
      fc.pre(at.length > 0)
      const hit = HEADER_SIZE + (where % (end - HEADER_SIZE))
      bytes[hit]! ^= change
      const scan = scanSegment(bytes, NONCE)
      const struck = at.filter((start) => start <= hit).at(-1)!
      const lengthOf = scanSegment(segment(written).bytes, NONCE).records.find((r) => r.at === struck)!.length
      // padding proves nothing and needs no proof
      const lost = hit < struck + lengthOf ? [struck] : []
      expect(scan.records.map((r) => r.at)).toEqual(at.filter((start) => !lost.includes(start)))
      expect(scan.damages.length + (lost.length > 0 && struck === at.at(-1) ? 1 : 0)).toBe(lost.length)
    }),
  )
})

it('tells acknowledged from unfinished by the batches behind', () => {
  const record = { head: '[]', payload: 'x'.repeat(100) }
  const { bytes, at } = segment([
    [record, record],
    [record, record],
  ])
  const damagedAt = (n: number) => {
    const copy = Buffer.from(bytes)
    copy[at[n]! + 30]! ^= 1
    return scanSegment(copy, NONCE)
  }
  expect(damagedAt(1).damages).toMatchObject([{ from: at[1], acknowledged: true }])
  expect(damagedAt(2).damages).toMatchObject([{ from: at[2], acknowledged: false }])
  expect(damagedAt(3)).toMatchObject({ damages: [], torn: true, end: at[3] })
})

it('knows a segment by either copy of its header', () => {
  const header = formatHeader(7, NONCE)
  expect(parseHeader(header, 7)).toBe(NONCE)
  expect(parseHeader(header, 8)).toBe('other')
  const first = Buffer.from(header)
  first[20]! ^= 1
  expect(parseHeader(first, 7)).toBe(NONCE)
  first[520]! ^= 1
  expect(parseHeader(first, 7)).toBeNull()
  expect(parseHeader(Buffer.alloc(10), 7)).toBeNull()
  // used again: the new header came half onto the disk
  expect(parseHeader(Buffer.concat([header.subarray(0, 512), formatHeader(3, 1n).subarray(512)]), 7)).toBe(NONCE)
})
