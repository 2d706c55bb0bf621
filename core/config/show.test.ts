import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { setSetting } from './edit.ts'
import { loadConfig } from './load.ts'
import { ConfigError } from './problems.ts'
import { editorSchema, findRow, settingRows } from './reference.ts'
import { differences, effective, explainKey, toYaml } from './show.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-show-'))
  file = join(folder, 'estafeta.yaml')
  writeFileSync(
    file,
    `# our site
profile: smarthost
hostname: mail.example.com
domains: [example.com]   # all of them
postmaster: ana
relay: { host: "[mail.provider.net]:587", username: ana, password: hush, tls: verify }
limits:
  # as the provider's
  messageSize: 25MiB
  recipients: 1000
listen: { pop3: null, smtp: ["127.0.0.1:25", "[::1]:25"] }
plugins: { rbl: { enabled: true, token: hush } }
`,
    { mode: 0o640 },
  )
})
afterEach(() => rmSync(folder, { recursive: true }))
const load = () => loadConfig({ path: file })

describe('show', () => {
  it('has every setting, defaults included, in the form of the file', () => {
    const shown = effective(load())
    expect(shown).toMatchObject({
      hostname: 'mail.example.com',
      origin: 'example.com',
      limits: { messageSize: '25MiB', mailboxSize: 0, recipients: 1000 },
      queue: { lifetime: '5d', firstRetry: '5m' },
      listen: { smtp: ['127.0.0.1:25', '[::1]:25'], imap: ['*:143'] },
      users: { file: '/var/lib/estafeta/users.yaml' },
    })
    expect(shown.listen).not.toHaveProperty('pop3')
  })
  it('can be loaded again, and then says the same', () => {
    const again = join(folder, 'again.yaml')
    writeFileSync(again, toYaml(effective(load())).replace('(hidden)', 'hush'))
    expect(effective(loadConfig({ path: again }))).toEqual({
      ...effective(load()),
      // what the profile lists and the site resets is back, for the file does not name it
      listen: { ...(effective(load()).listen as object), pop3: ['*:110'] },
    })
  })
  it('hides secrets, those of plugins too', () => {
    expect(
      JSON.stringify([effective(load()), differences(load()), explainKey(load(), 'relay.password')]),
    ).not.toContain('hush')
  })
})

describe('diff', () => {
  it('has what the site changes, and not what it repeats', () => {
    const found = differences(load())
    expect(found.map(({ key }) => key)).not.toContain('limits.recipients')
    expect(found.map(({ key }) => key)).not.toContain('relay.tls')
    expect(found.find(({ key }) => key === 'limits.messageSize')).toMatchObject({
      was: '50MiB',
      is: '25MiB',
      at: { line: 9 },
    })
    expect(found.find(({ key }) => key === 'listen.pop3')).toMatchObject({
      was: { addresses: ['*:110'] },
      is: undefined,
    })
    expect(found.find(({ key }) => key === 'plugins.rbl.enabled')).toMatchObject({ was: false, is: true })
    const own = found.filter(({ key }) => key === 'relay.host' || key === 'relay.username')
    expect(own.map(({ was }) => was)).toEqual([undefined, undefined])
  })
})

describe('explain', () => {
  it('says what a setting means, what it is, and who made it so', () => {
    expect(explainKey(load(), 'limits.messageSize')).toMatchObject({
      value: '25MiB',
      row: { what: 'Largest message', form: 'size', default: '50MiB' },
      sources: [{ from: 'site', at: { file, line: 9, column: 3 }, value: '25MiB' }],
    })
    expect(explainKey(load(), 'plugins.rbl.onError')).toMatchObject({
      value: 'pass',
      row: { key: 'plugins.<name>.onError' },
    })
    expect(explainKey(load(), 'limits.mesageSize')).toEqual({ hint: " (did you mean 'limits.messageSize'?)" })
  })
  it('has a meaning for every setting', () => {
    expect(settingRows().filter(({ what }) => what === '')).toEqual([])
    expect(findRow('listen.smtp.addresses[0]').row).not.toBeNull()
  })
})

describe('schema', () => {
  it('lets an editor take short forms, and null for everything that a profile can set', () => {
    const { properties } = editorSchema().anyOf![0]!
    const forms = (schema: { anyOf?: readonly { type?: unknown }[] } | undefined) =>
      schema?.anyOf?.map(({ type }) => type)
    expect(forms(properties!.relay)).toEqual(['object', 'string', 'array', 'null'])
    expect(properties!.hostname!.default).toBeUndefined()
    expect(JSON.stringify(editorSchema())).not.toContain('"form"')
  })
})

describe('set', () => {
  it('changes one value and leaves comments, order and permissions', () => {
    const before = readFileSync(file, 'utf8')
    setSetting(file, 'limits.messageSize', '30MiB')
    expect(readFileSync(file, 'utf8')).toBe(before.replace('25MiB', '30MiB'))
    expect(statSync(file).mode & 0o777).toBe(0o640)
    expect(readdirSync(folder)).toEqual(['estafeta.yaml'])
  })
  it('changes lists and texts in place too', () => {
    const before = readFileSync(file, 'utf8')
    setSetting(file, 'domains', '[example.com, example.org]')
    setSetting(file, 'relay.password', '"new: {one}"')
    expect(readFileSync(file, 'utf8')).toBe(
      before.replace('[example.com]', '[example.com, example.org]').replace('password: hush', 'password: "new: {one}"'),
    )
  })
  it('adds keys, lists and nulls, and takes keys out', () => {
    setSetting(file, 'networks', '[192.0.2.0/24]')
    setSetting(file, 'queue.lifetime', '2d')
    setSetting(file, 'listen.imap', 'null')
    setSetting(file, 'limits.messageSize', undefined)
    const now = parse(readFileSync(file, 'utf8')) as { [key: string]: unknown }
    expect(now).toMatchObject({
      networks: ['192.0.2.0/24'],
      queue: { lifetime: '2d' },
      listen: { imap: null },
      limits: { recipients: 1000 },
    })
    expect(load().site.limits.messageSize).toBe(50 * 2 ** 20)
  })
  it('writes nothing that would not load', () => {
    const before = readFileSync(file, 'utf8')
    expect(() => setSetting(file, 'limits.messageSize', 'huge')).toThrow(ConfigError)
    expect(() => setSetting(file, 'limit.messageSize', '1MiB')).toThrow(/estafeta\.yaml:\d+:1: limit: unknown key/)
    expect(() => setSetting(file, 'networks', '[1')).toThrow(ConfigError)
    expect(readFileSync(file, 'utf8')).toBe(before)
    expect(readdirSync(folder)).toEqual(['estafeta.yaml'])
  })
})
