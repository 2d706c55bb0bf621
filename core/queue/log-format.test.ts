// The log's records: what is written is read back, what is damaged is found, and nothing else passes for a record.
import { crc32 } from 'node:zlib'
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
const HEADER = { nonce: NONCE, start: HEADER_SIZE }

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
      const scan = scanSegment(bytes, HEADER)
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
      const scan = scanSegment(bytes, HEADER)
      const struck = at.filter((start) => start <= hit).at(-1)!
      const lengthOf = scanSegment(segment(written).bytes, HEADER).records.find((r) => r.at === struck)!.length
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
    return scanSegment(copy, HEADER)
  }
  expect(damagedAt(1).damages).toMatchObject([{ from: at[1], acknowledged: true }])
  expect(damagedAt(2).damages).toMatchObject([{ from: at[2], acknowledged: false }])
  expect(damagedAt(3)).toMatchObject({ damages: [], torn: true, end: at[3] })
})

it('reads a segment of the older layout, in which records begin at 1024', () => {
  const record = { head: '[]', payload: 'x'.repeat(5000) }
  const { bytes } = segment([[record], [record]])
  const older = Buffer.concat([bytes.subarray(0, 1024), bytes.subarray(HEADER_SIZE)])
  older.writeUInt32LE(0, 20)
  older.writeUInt32LE(crc32(older.subarray(0, 32)), 32)
  older.copy(older, 512, 0, 64)
  const at = [1024, 1024 + 5032]
  for (const start of at) older.writeUInt32LE(start, start + 16)
  for (const start of at) older.writeUInt32LE(crc32(older.subarray(start + 12, start + 5026)), start + 8)
  expect(parseHeader(older.fill(0, 0, 512), 7)).toEqual({ nonce: NONCE, start: 1024 })
  expect(scanSegment(older, { nonce: NONCE, start: 1024 })).toMatchObject({
    damages: [],
    torn: false,
    records: at.map((at) => ({ at })),
  })
})

it('knows a segment by either copy of its header', () => {
  const header = formatHeader(7, NONCE)
  expect(parseHeader(header, 7)).toEqual(HEADER)
  expect(parseHeader(header, 8)).toBe('other')
  const first = Buffer.from(header)
  first[20]! ^= 1
  expect(parseHeader(first, 7)).toEqual(HEADER)
  first[4100]! ^= 1
  expect(parseHeader(first, 7)).toBeNull()
  expect(parseHeader(Buffer.alloc(10), 7)).toBeNull()
  // used again: the new header came half onto the disk
  expect(parseHeader(Buffer.concat([header.subarray(0, 512), formatHeader(3, 1n).subarray(512)]), 7)).toEqual(HEADER)
})
