import fc from 'fast-check'
import { expect, it } from 'vitest'
import { orderEntries } from './order.ts'

const entry = (text: string) => {
  const [name = '', ...wishes] = text.split(' ')
  const named = (key: string): string[] => wishes.filter((wish) => wish.startsWith(key)).map((wish) => wish.slice(1))
  return { name, before: named('<'), after: named('>') }
}
const order = (...texts: string[]): string => {
  const { order: placed, problems } = orderEntries(texts.map(entry))
  return problems.length > 0
    ? problems.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ')
    : placed.map(({ name }) => name).join(' ')
}

it('keeps the list where nothing is wished for', () => expect(order('a', 'b', 'c')).toBe('a b c'))

it('moves the entry that wishes, no further than it asks, and no other', () => {
  expect(order('a', 'b', 'c', 'new <b')).toBe('a new b c')
  expect(order('new >b', 'a', 'b', 'c')).toBe('a b new c')
  expect(order('a', 'b', 'c', 'new >a')).toBe('a b c new')
  expect(order('a', 'b', 'c', 'new >a <c')).toBe('a b new c')
  expect(order('a', 'b', 'c', 'new <b <c')).toBe('a new b c')
})

it('follows chains of wishes', () => expect(order('a >b', 'b >c', 'c')).toBe('c b a'))

it('says which wishes contradict each other', () => {
  expect(order('a >b', 'b >a')).toMatch(/plugins\.[ab]\.after cannot come after '[ab]'/)
  expect(order('a', 'b', 'new <a >b')).toContain('plugins.new.')
  expect(order('a <a')).toContain("plugins.a.before cannot come before 'a'")
})

it('finds an order whenever there is one', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 12 }),
      fc.infiniteStream(fc.nat(1e6)),
      (count, pairs, keys) => {
        // wishes that a hidden order fulfils, told of entries in another order
        const names = Array.from({ length: count }, (_, i) => `p${i}`)
        const entries = names.map((name, i) => ({
          name,
          before: pairs.filter(([x, y]) => x === i && y > i && y < count).map(([, y]) => `p${y}`),
          after: pairs.filter(([x, y]) => x === i && y < i).map(([, y]) => `p${y}`),
        }))
        const shuffled = entries
          .map((one) => ({ one, key: keys.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ one }) => one)
        // entries without a wish stand in the list as they shall stay
        const plain = entries.filter(({ before, after }) => before.length + after.length === 0)
        const list = shuffled.map((one) =>
          plain.includes(one) ? plain[shuffled.filter((p) => plain.includes(p)).indexOf(one)]! : one,
        )
        const { order: placed, problems } = orderEntries(list)
        expect(problems).toEqual([])
        expect(placed.map(({ name }) => name).sort()).toEqual(names)
      },
    ),
  )
})
