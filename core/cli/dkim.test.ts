// estafeta dkim: keys are made, listed, published and rotated; files are safe and never overwritten.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { chooseConfig } from './context.ts'
import { build } from './dkim.ts'

let folder: string
let said: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-dkim-'))
  mkdirSync(join(folder, 'data'))
  writeFileSync(
    join(folder, 'estafeta.yaml'),
    `hostname: mx.estafeta.test\norigin: estafeta.test\ndomains: [estafeta.test]\ndata: ./data\npostmaster: ana\nlisten: {}\n`,
  )
  chooseConfig(join(folder, 'estafeta.yaml'))
  said = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += text
    return true
  })
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
})
afterEach(() => {
  vi.restoreAllMocks()
  chooseConfig(null)
  rmSync(folder, { recursive: true, force: true })
})

async function dkim(...args: string[]): Promise<string> {
  said = ''
  const command = build().exitOverride()
  for (const sub of command.commands) sub.exitOverride()
  await command.parseAsync(args, { from: 'user' })
  return said
}

const keyPath = (name: string) => join(folder, 'data/dkim/estafeta.test', name)

describe('estafeta dkim', () => {
  test('create makes a key for the owner alone and prints its record in strings of at most 255 octets', async () => {
    const text = await dkim('create', 'estafeta.test', 's1')
    expect(readFileSync(keyPath('s1.pem'), 'utf8')).toContain('BEGIN PRIVATE KEY')
    expect(statSync(keyPath('s1.pem')).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, 'data/dkim')).mode & 0o777).toBe(0o700)
    const record = /^s1\._domainkey\.estafeta\.test\. IN TXT \( (.*) \)$/m.exec(text)?.[1]
    const strings = record?.match(/"[^"]*"/g) ?? []
    expect(strings.length).toBe(2)
    expect(strings.every((part) => part.length <= 257)).toBe(true)
    expect(strings.join('').replace(/"/g, '')).toMatch(/^v=DKIM1; k=rsa; p=[A-Za-z0-9+/]{390,}={0,2}$/)
  })

  test('an Ed25519 key stands beside an RSA key, and both are active', async () => {
    await dkim('create', 'estafeta.test', 's1')
    const text = await dkim('create', 'estafeta.test', 'e1', '--type', 'ed25519')
    expect(text).toMatch(/^e1\._domainkey\.estafeta\.test\. IN TXT "v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}="$/m)
    const keys = JSON.parse(await dkim('list', '--json')) as { selector: string; state: string; type: string }[]
    expect(keys.map((k) => `${k.selector} ${k.state} ${k.type}`)).toEqual(['e1 active ed25519', 's1 active rsa'])
  })

  test('a second key of a type waits until it is activated, and the first one retires then', async () => {
    await dkim('create', 'estafeta.test', 's1')
    expect(await dkim('create', 'estafeta.test', 's2')).toContain('estafeta dkim activate estafeta.test s2')
    expect(await dkim('list')).toMatch(/s1 +rsa +active[\s\S]*s2 +rsa +pending/)
    expect(await dkim('activate', 'estafeta.test', 's2')).toContain('retired: s1')
    expect(await dkim('list')).toMatch(/s1 +rsa +retired[\s\S]*s2 +rsa +active/)
    expect(await dkim('record', 'estafeta.test')).toMatch(/^s1\._domainkey[^\n]*\ns2\._domainkey[^\n]*\n$/)
    expect(await dkim('record', 'estafeta.test', 's2')).toMatch(/^s2\._domainkey[^\n]*\n$/)
  })

  test('a selector is never used twice', async () => {
    await dkim('create', 'estafeta.test', 's1')
    const before = readFileSync(keyPath('s1.pem'))
    await expect(dkim('create', 'estafeta.test', 's1', '--active')).rejects.toThrow(/has a key s1 already/)
    expect(readFileSync(keyPath('s1.pem'))).toEqual(before)
  })

  test('without a selector it is named after its type and the month', async () => {
    await dkim('create', 'estafeta.test', '--type', 'ed25519')
    expect(await dkim('list')).toMatch(/ed25519\d{6} +ed25519 +active/)
  })

  test('a domain in U-labels is kept as A-labels', async () => {
    expect(await dkim('create', 'España.test', 's1')).toContain('s1._domainkey.xn--espaa-rta.test. IN TXT')
  })

  test.each([
    [['create', 'no domain'], /expected a domain/],
    [['create', '[192.0.2.1]'], /expected a domain/],
    [['create', '../../etc'], /expected a domain/],
    [['create', 'estafeta.test', '../s1'], /expected a name/],
    [['create', 'estafeta.test', '--bits', '512'], /Allowed choices/],
    [['activate', 'estafeta.test', 's9'], /has no key s9/],
    [['record', 'estafeta.test'], /no such key/],
  ])('%j is refused', async (args, message) => {
    await expect(dkim(...args)).rejects.toThrow(message)
  })
})
