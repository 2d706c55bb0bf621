import { expect, test } from 'vitest'
import { Crowd } from './crowd.ts'

const member = (name: string) => ({ name, place: -1 })
const names = (crowd: Crowd<ReturnType<typeof member>>): string[] => [...crowd].map(({ name }) => name).sort()

test('holds each member once, and lets any one go', () => {
  const crowd = new Crowd<ReturnType<typeof member>>()
  const [a, b, c] = [member('a'), member('b'), member('c')]
  for (const one of [a, b, c, a]) crowd.add(one)
  expect(names(crowd)).toEqual(['a', 'b', 'c'])
  crowd.remove(a)
  crowd.remove(a)
  expect(names(crowd)).toEqual(['b', 'c'])
  crowd.remove(c)
  crowd.add(a)
  expect(names(crowd)).toEqual(['a', 'b'])
  for (const one of [a, b]) crowd.remove(one)
  expect(crowd.size).toBe(0)
})

test('goes through those who were in it, though all leave meanwhile', () => {
  const crowd = new Crowd<ReturnType<typeof member>>()
  for (const name of ['a', 'b', 'c']) crowd.add(member(name))
  const seen: string[] = []
  for (const one of crowd) {
    seen.push(one.name)
    for (const other of crowd) crowd.remove(other)
  }
  expect(seen).toEqual(['a', 'b', 'c'])
})
