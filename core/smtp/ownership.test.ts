import { expect, test } from 'vitest'
import { parseAddress } from '../message/address.ts'
import { maySendAs } from './ownership.ts'

const ana = {
  account: 'ana@example.com',
  authcid: 'ana',
  authzid: 'ana@example.com',
  addresses: ['info@example.com', '@ana.test'],
}
const may = (text: string, delimiter = '+'): boolean => {
  const parsed = parseAddress(text)
  if (!parsed.ok) throw new Error(parsed.error)
  return maySendAs(ana, parsed.value, delimiter)
}

test('own addresses, with a detail, in any letter case, and a whole domain', () => {
  for (const text of ['ana@example.com', 'Ana@EXAMPLE.com', 'ana+x@example.com', 'INFO@example.com', 'any@ana.test']) {
    expect(may(text), text).toBe(true)
  }
  expect(maySendAs(ana, null, '+')).toBe(true)
})

test('nobody else’s', () => {
  for (const text of [
    'bob@example.com',
    'ana@other.test',
    'anax@example.com',
    'ana@sub.ana.test',
    'ana@example.com.test',
  ]) {
    expect(may(text), text).toBe(false)
  }
  expect(may('ana+x@example.com', '')).toBe(false)
})
