import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { addAlias, removeAlias } from './edit-aliases.ts'
import { editUsers } from './edit-users.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edit-'))
})
afterEach(() => rmSync(folder, { recursive: true }))
const path = (name = 'users.yaml'): string => join(folder, name)
const text = (name = 'users.yaml'): string => readFileSync(path(name), 'utf8')

describe('users.yaml', () => {
  test('is made by the first user', () => {
    editUsers(path(), (users) => users.addUser('ana@example.com', { name: 'Ana', password: '{PLAIN}x: y' }))
    expect(text()).toBe('users:\n  ana@example.com:\n    name: Ana\n    password: "{PLAIN}x: y"\n')
    expect(statSync(path()).mode & 0o777).toBe(0o600)
  })

  test('keeps comments, order and mode, and its long lines whole', () => {
    const hash = `{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$${'c'.repeat(22)}$${'d'.repeat(200)}`
    writeFileSync(
      path(),
      `# our people\nusers:\n  # the boss\n  Ana@example.com:\n    password: "{PLAIN}a" # soon to change\n  paco@example.com: { password: "{PLAIN}p" }\n# the end\n`,
      { mode: 0o640 },
    )
    editUsers(path(), (users) => {
      users.setUser('ana@example.com', 'password', hash)
      users.setUser('paco@example.com', 'enabled', false)
      users.addAlias('sales@example.com', ['ana@example.com', 'paco@example.com'])
      users.addDomain('example.org', ['ana@example.com'])
    })
    expect(text()).toContain('# our people\nusers:\n  # the boss\n  Ana@example.com:\n')
    expect(text()).toContain(`    password: "${hash}" # soon to change\n`)
    expect(text()).toContain('paco@example.com: { password: "{PLAIN}p", enabled: false }')
    expect(text()).toContain('aliases:\n  sales@example.com:\n    - ana@example.com\n    - paco@example.com\n')
    expect(text()).toContain('domains:\n  example.org:\n    catchAll: ana@example.com\n')
    expect(text()).toContain('# the end')
    expect(statSync(path()).mode & 0o777).toBe(0o640)
    editUsers(path(), (users) => {
      users.setUser('paco@example.com', 'enabled', null)
      users.removeUser('ana@example.com')
      users.removeAlias('sales@example.com')
      users.removeDomain('example.org')
    })
    expect(text()).not.toMatch(/Ana|sales|example\.org|enabled/)
    expect(text()).toContain('# our people')
  })

  test('what cannot be done leaves the file alone', () => {
    writeFileSync(path(), 'users: { ana@example.com: {} }\n')
    const before = text()
    const refused: [RegExp, (users: Parameters<Parameters<typeof editUsers>[1]>[0]) => void][] = [
      [/exists already/, (users) => users.addUser('ANA@example.com', {})],
      [/no such user/, (users) => users.removeUser('eva@example.com')],
      [/no such user/, (users) => users.setUser('eva@example.com', 'name', 'Eva')],
      [/no such alias/, (users) => users.removeAlias('x@example.com')],
      [/is a user too/, (users) => users.addAlias('ana@example.com', ['b@c.d'])],
      [/expected a size/, (users) => users.addUser('b@c.d', { quota: 'much' })],
      [/unknown password scheme/, (users) => users.addUser('b@c.d', { password: '{MD5}x' })],
    ]
    for (const [message, change] of refused) expect(() => editUsers(path(), change)).toThrow(message)
    expect(text()).toBe(before)
    writeFileSync(path(), 'users: {')
    expect(() => editUsers(path(), () => {})).toThrow(/users.yaml:1/)
    expect(readdirSync(folder).filter((name) => name.endsWith('.new'))).toEqual([])
  })

  test('a link to it stays a link', () => {
    writeFileSync(path('real.yaml'), 'users: {}\n')
    symlinkSync(path('real.yaml'), path())
    editUsers(path(), (users) => users.addUser('ana@example.com', {}))
    expect(text('real.yaml')).toContain('ana@example.com')
    expect(text()).toContain('ana@example.com')
  })

  test('editors in other processes wait for each other: no change is lost', async () => {
    const script = `import { editUsers } from ${JSON.stringify(new URL('./edit-users.ts', import.meta.url).href)}
      const [path, from] = process.argv.slice(-2)
      for (let i = 0; i < 10; i++) editUsers(path, (users) => users.addUser('u' + from + i + '@example.com', {}))`
    const run = promisify(execFile)
    await Promise.all(
      ['a', 'b', 'c'].map((from) => run(process.execPath, ['--input-type=module', '-e', script, path(), from])),
    )
    expect(text().match(/@example\.com/g)).toHaveLength(30)
  }, 30_000)
})

describe('aliases', () => {
  test('are added and removed with their continuation lines, the rest stays as written', () => {
    writeFileSync(path('aliases'), '# mine\nteam:\n\tana,\n  # and\n\n\tpaco\n# next\nother: eva')
    addAlias(path('aliases'), 'john smith', ['eva', '"|/bin/x y"'])
    expect(text('aliases')).toBe(
      '# mine\nteam:\n\tana,\n  # and\n\n\tpaco\n# next\nother: eva\n"john smith": eva, "|/bin/x y"\n',
    )
    removeAlias(path('aliases'), 'Team')
    expect(text('aliases')).toBe('# mine\n# next\nother: eva\n"john smith": eva, "|/bin/x y"\n')
    removeAlias(path('aliases'), 'john smith')
    expect(() => removeAlias(path('aliases'), 'team')).toThrow(/no such alias/)
    expect(() => addAlias(path('aliases'), 'OTHER', ['x'])).toThrow(/exists already/)
    expect(() => addAlias(path('aliases'), 'bad', ['a b'])).toThrow(/not an address/)
    expect(text('aliases')).toBe('# mine\n# next\nother: eva\n')
  })
})
