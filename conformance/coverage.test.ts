// The coverage page's data: sections in their order, every RFC with its title, ids unique over all suites.
import { expect, test } from 'vitest'
import { coverageOf, RFC_TITLES, UNSEEN } from './coverage.ts'
import { suites } from './suites.ts'
import type { CaseFacts } from './types.ts'

const facts = (id: string, rfc: string): CaseFacts => ({ id, rfc, level: 'must', requirement: '', state: '' })

test('groups cases by RFC and section, both counted as numbers', () => {
  const found = coverageOf([
    facts('a/b/2', 'RFC 5321 §4.10'),
    facts('a/b/1', 'RFC 5321 §4.2'),
    facts('a/c/1', 'RFC 1939 §3'),
    facts('a/b/0', 'RFC 5321 §4.2'),
  ])
  expect(found.map(({ name, sections }) => [name, sections.map(({ section }) => section)])).toEqual([
    ['RFC 1939', ['§3']],
    ['RFC 5321', ['§4.2', '§4.10']],
  ])
  expect(found[1]?.sections[0]?.cases.map(({ id }) => id)).toEqual(['a/b/0', 'a/b/1'])
})

test('a case without a section is an error', () => {
  expect(() => coverageOf([facts('a/b/c', 'section 4')])).toThrow('a/b/c: no section in "section 4"')
})

test('every RFC that a case names has its title, and what is unseen names a section', () => {
  const names = coverageOf(suites.flatMap(({ cases }) => cases)).map(({ name }) => name)
  const numbers = names.flatMap((name) => /^RFC (\d+)$/.exec(name)?.[1] ?? [])
  expect(numbers.filter((number) => !(Number(number) in RFC_TITLES))).toEqual([])
  expect(UNSEEN.filter(({ rfc }) => !/^RFC \d+ §\d/.test(rfc))).toEqual([])
})

test('no id is given twice', () => {
  const ids = suites.flatMap(({ cases }) => cases.map(({ id }) => id))
  expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([])
})
