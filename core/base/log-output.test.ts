import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openLogOutput } from './log-output.ts'

const folder = mkdtempSync(join(tmpdir(), 'estafeta-log-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('goes on in a new file after the old one was moved aside', () => {
  const path = join(folder, 'mail.log')
  const log = openLogOutput(path)
  log.write('one\n')
  renameSync(path, `${path}.1`)
  log.write('two\n')
  log.reopen()
  log.write('three\n')
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('one\ntwo\n')
  expect(readFileSync(path, 'utf8')).toBe('three\n')
})

test('stays with the old file where a new one cannot be opened', () => {
  const inner = mkdtempSync(join(folder, 'inner-'))
  const log = openLogOutput(join(inner, 'mail.log'))
  renameSync(inner, `${inner}.away`)
  expect(() => log.reopen()).toThrow('ENOENT')
  log.write('still here\n')
  expect(readFileSync(join(`${inner}.away`, 'mail.log'), 'utf8')).toBe('still here\n')
})
