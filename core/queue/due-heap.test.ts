// The heap of due times against a plain sorted list.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DueHeap, type HeapEntry } from './due-heap.ts'

interface Entry extends HeapEntry {
  readonly name: number
}

it('gives entries in order of time, whatever was moved or taken out before', () => {
  const step = fc.record({ name: fc.nat(40), key: fc.nat(1000), act: fc.constantFrom('set', 'set', 'delete', 'pop') })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const heap = new DueHeap<Entry>()
      const entries = Array.from({ length: 41 }, (_, name): Entry => ({ name, at: -1 }))
      const keys = new Map<number, number>()
      for (const { name, key, act } of steps) {
        if (act === 'set') {
          heap.set(entries[name]!, key)
          keys.set(name, key)
        } else if (act === 'delete') {
          heap.delete(entries[name]!)
          keys.delete(name)
        } else {
          expect(heap.peekKey()).toBe(Math.min(...keys.values(), Number.POSITIVE_INFINITY))
          const popped = heap.pop()
          if (popped) {
            expect(keys.get(popped.name)).toBe(Math.min(...keys.values()))
            keys.delete(popped.name)
          }
        }
        expect(heap.size).toBe(keys.size)
      }
      for (const entry of entries) expect(entry.at >= 0).toBe(keys.has(entry.name))
    }),
  )
})
