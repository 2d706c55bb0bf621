import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AS_USER, temporary } from 'estafeta/plugin'
import { testPlugin } from 'estafeta/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { shown, systemUsers } from '../../test/kit/directory.ts'
import forward from './index.ts'

let plugin: Awaited<ReturnType<typeof testPlugin>>
afterEach(() => plugin.close())

/** `.forward` texts of system users by name; an Error is thrown. */
async function open(system: { [name: string]: string | Error } = {}, config: object = {}): Promise<void> {
  const readForward = async (name: string): Promise<string | null> => {
    const text = system[name] ?? null
    if (text instanceof Error) throw text
    return text
  }
  plugin = await testPlugin(forward, {
    files: { 'users.yaml': 'users: { ana@example.com: {}, paco@example.com: {} }' },
    site: { domains: ['example.com'], users: { file: 'users.yaml', system: true } },
    systemUsers: systemUsers('sys', 'bad'),
    services: [[AS_USER, { available: true, readForward }]],
    config: { ...config },
  })
}
function writeForward(text: string, user = 'ana'): void {
  const folder = join(plugin.folder, 'mail/example.com', user)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, '.forward'), text)
}
const expand = async (to: string) => shown((await plugin.expand(to)).outcome)
const warned = () => plugin.log.filter((line) => line.level === 'warn').map((line) => String(line.fields.problem))

describe('virtual users', () => {
  const cases: [string, string[] | null][] = [
    ['ana@elsewhere.test\n', ['ana@elsewhere.test']],
    ['\\ana, ana@elsewhere.test', ['ana+x@example.com final', 'ana@elsewhere.test']],
    ['ana\nother@elsewhere.test\n', ['ana+x@example.com final', 'other@elsewhere.test']],
    ['ana@example.com, other@elsewhere.test', ['ana+x@example.com final', 'other@elsewhere.test']],
    ['# nothing\n\n', null],
    ['# two\npaco,\n"Some One" <some@elsewhere.test>\n', ['paco@example.com', 'some@elsewhere.test']],
  ]
  for (const [text, into] of cases)
    test(JSON.stringify(text), async () => {
      await open()
      writeForward(text)
      expect(await expand('ana+x@example.com')).toEqual(into)
      expect(warned()).toEqual([])
    })

  const mistakes: [string, string[]][] = [
    ['"|/bin/sh", paco', ['paco@example.com', 'ana+x@example.com final']],
    ['/tmp/file', ['ana+x@example.com final']],
    [':include:/etc/passwd', ['ana+x@example.com final']],
    ['a b c, \\ana', ['ana+x@example.com final']],
    ['"unclosed', ['ana+x@example.com final']],
  ]
  for (const [text, into] of mistakes)
    test(`mistake keeps the mail: ${text}`, async () => {
      await open()
      writeForward(text)
      expect(await expand('ana+x@example.com')).toEqual(into)
      expect(warned()).toHaveLength(1)
    })

  test('without a file, and for nobody', async () => {
    await open()
    expect(await expand('ana@example.com')).toBeNull()
    expect(await expand('nobody@example.com')).toBeNull()
    expect(await expand('ana@elsewhere.test')).toBeNull()
  })
  test('a file that cannot be read defers', async () => {
    await open()
    mkdirSync(join(plugin.folder, 'mail/example.com/ana/.forward'), { recursive: true })
    await expect(plugin.expand('ana@example.com')).rejects.toMatchObject({ kind: 'temporary' })
  })
})

describe('system users', () => {
  test('commands and files run as the user', async () => {
    await open({ sys: '\\sys, "|/usr/bin/vacation sys", /home/sys/archive' })
    expect(await expand('sys@example.com')).toEqual([
      'sys@example.com final',
      '|/usr/bin/vacation sys as sys',
      '/home/sys/archive as sys',
    ])
  })
  test('may be kept from commands', async () => {
    await open({ sys: '|/usr/bin/procmail' }, { commands: false })
    expect(await expand('sys@example.com')).toEqual(['sys@example.com final'])
    expect(warned()).toHaveLength(1)
  })
  test('a file that fails the ownership checks defers', async () => {
    await open({ bad: temporary('~/.forward is writable by others') })
    await expect(plugin.expand('bad@example.com')).rejects.toMatchObject({ kind: 'temporary' })
  })
})
