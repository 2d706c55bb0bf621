import { expect, test } from 'vitest'
import { TtlCache } from './cache.ts'

test('an entry lives until its time and says how much is left', () => {
  const cache = new TtlCache<string>(100)
  cache.set('a', 'x', 50, 1)
  expect(cache.get('a', 20)).toEqual({ value: 'x', left: 30 })
  expect(cache.get('a', 50)).toBeNull()
  expect(cache.size).toBe(0)
})

test('the least recently used entries make room', () => {
  const cache = new TtlCache<number>(30)
  cache.set('a', 1, 9, 10)
  cache.set('b', 2, 9, 10)
  cache.set('c', 3, 9, 10)
  cache.get('a', 0)
  cache.set('d', 4, 9, 10)
  expect(['a', 'b', 'c', 'd'].map((key) => cache.get(key, 0)?.value)).toEqual([1, undefined, 3, 4])
  cache.set('e', 5, 9, 31)
  expect(cache.get('e', 0)).toBeNull()
  expect(cache.size).toBe(3)
})

test('replacing an entry gives its room back', () => {
  const cache = new TtlCache<number>(20)
  for (let i = 0; i < 10; i++) cache.set('a', i, 9, 15)
  cache.set('b', 1, 9, 5)
  expect(cache.size).toBe(2)
})
