// The shipped files of expected failures: each is read, names only cases that exist, and gives a reason for every one.
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readExpectations } from './index.ts'

const folder = new URL('./expectations/', import.meta.url).pathname

test.each(readdirSync(folder))('%s', (name) => {
  const { product, fails } = readExpectations(folder + name)
  expect(product).not.toBe('')
  expect([...fails].filter(([, reason]) => reason.trim() === '')).toEqual([])
})
