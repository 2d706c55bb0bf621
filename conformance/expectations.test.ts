// The expectations that are shipped: each file is readable, named after its product, and gives every failure a reason.
import { globSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readExpectations } from './index.ts'

const folder = fileURLToPath(new URL('./expectations/', import.meta.url))
const files = globSync('*.yaml', { cwd: folder }).sort()

test('there are some', () => expect(files.length).toBeGreaterThan(5))

test.each(files)('%s', (file) => {
  const { product, fails } = readExpectations(`${folder}${file}`)
  expect(product.toLowerCase().replaceAll(' ', '-')).toContain(basename(file, '.yaml'))
  for (const [id, reason] of fails) expect([id, reason.length]).toEqual([id, expect.toSatisfy((n: number) => n > 5)])
})
