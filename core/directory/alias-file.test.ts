import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { silentLogger } from '../base/log.ts'
import { AliasFile, parseAliasFile } from './alias-file.ts'
import { parseTargets } from './alias-targets.ts'
import type { AliasTarget } from './directory.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const to = (address: string, final = false): AliasTarget => ({ kind: 'address', address, final })

describe('targets', () => {
  const cases: [string, AliasTarget[]][] = [
    ['ana', [to('ana')]],
    ['ana, paco@example.org ,eva', [to('ana'), to('paco@example.org'), to('eva')]],
    ['\\ana, paco', [to('ana', true), to('paco')]],
    ['"\\ana"', [to('ana', true)]],
    ['"john smith"@example.org', [to('"john smith"@example.org')]],
    ['"a,b"@example.org, c', [to('"a,b"@example.org'), to('c')]],
    ['Ana García <ana@example.org>, paco (the other one)', [to('ana@example.org'), to('paco')]],
    ['/var/mail/archive', [{ kind: 'file', path: '/var/mail/archive' }]],
    ['"/var/mail/with space"', [{ kind: 'file', path: '/var/mail/with space' }]],
    ['|/usr/bin/procmail', [{ kind: 'command', command: '/usr/bin/procmail' }]],
    ['"|/usr/bin/vacation -m \\"x\\" ana, paco"', [{ kind: 'command', command: '/usr/bin/vacation -m "x" ana, paco' }]],
    ['|"/usr/bin/filter a, b", ana', [{ kind: 'command', command: '/usr/bin/filter a, b' }, to('ana')]],
    ['|(cat; echo end) >> /tmp/x', [{ kind: 'command', command: '(cat; echo end) >> /tmp/x' }]],
    [':include:/etc/lists/all', [{ kind: 'include', path: '/etc/lists/all' }]],
    ['":include:/etc/lists/all"', [{ kind: 'include', path: '/etc/lists/all' }]],
    [':include:"/etc/my lists"', [{ kind: 'include', path: '/etc/my lists' }]],
    ['ana+lists', [to('ana+lists')]],
  ]
  for (const [text, targets] of cases) test(text, () => expect(parseTargets(text)).toEqual({ targets, errors: [] }))

  const mistakes: [string, RegExp][] = [
    ['"ana', /not closed/],
    ['|', /nothing follows the '\|'/],
    [':include:', /nothing follows/],
    [':fail: gone', /only :include: is/],
    ['ana@@example.org', /not an address/],
    ['ana paco', /not an address/],
  ]
  for (const [text, message] of mistakes)
    test(`mistake: ${text}`, () => expect(parseTargets(text).errors.join()).toMatch(message))
})

test('an alias file: comments, continuation lines, quoted and upper-case names', () => {
  const { value, problems } = parseAliasFile(
    `# Basic
postmaster:    root
MAILER-DAEMON: postmaster

team: ana,
\tpaco,
# a comment between
   eva
"john smith" : ana
owner-team:ana
`,
    'aliases',
  )
  expect(problems).toEqual([])
  expect([...value]).toEqual([
    ['postmaster', [to('root')]],
    ['mailer-daemon', [to('postmaster')]],
    ['team', [to('ana'), to('paco'), to('eva')]],
    ['john smith', [to('ana')]],
    ['owner-team', [to('ana')]],
  ])
})

describe('a hostile line costs no more than its length', () => {
  const LONG = 300_000
  test('spaces without a colon', () => {
    const { problems } = parseAliasFile(`ana${' '.repeat(LONG)}!`, 'aliases')
    expect(problems).toMatchObject([{ message: "expected 'name: target, target …'" }])
  })
  test('signs before a quote', () => {
    expect(parseTargets(`${'@'.repeat(LONG)}"x"`).errors).toHaveLength(1)
  })
  test('brackets', () => {
    expect(parseTargets('<>'.repeat(LONG / 2)).errors).toHaveLength(1)
  })
})

test('all mistakes of an alias file come with their lines', () => {
  const { problems } = parseAliasFile(
    'a b c\nx: y z\n\nlist:\n  a,\n  b@@c\nempty:\nana@example.com: paco\nA: b\na: c\n',
    'aliases',
  )
  expect(problems.map((p) => `${p.at?.line}: ${p.message}`)).toEqual([
    "1: expected 'name: target, target …'",
    "2: alias 'x': 'y z' is not an address",
    "4: alias 'list': 'b@@c' is not an address",
    "7: alias 'empty' leads nowhere (write /dev/null to drop its mail)",
    "8: 'ana@example.com': aliases are local names without a domain (virtual aliases are for whole addresses)",
    "10: alias 'a' is there twice",
  ])
})

test('one that need not exist is empty until it does', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aliases-'))
  const path = join(folder, 'aliases')
  expect(() => new AliasFile(path, silentLogger).lookup('a')).toThrow(/no such file/)
  const file = new AliasFile(path, silentLogger, true)
  expect(file.lookup('a')).toBeNull()
  writeFileSync(path, 'a: b\n')
  await turn()
  expect(file.lookup('a')).toEqual([to('b')])
  rmSync(folder, { recursive: true })
  await turn()
  expect(file.lookup('a')).toEqual([to('b')])
})

test('one that is asked for all the time is looked at once in 10 ms', () => {
  const folder = mkdtempSync(join(tmpdir(), 'aliases-'))
  const path = join(folder, 'aliases')
  writeFileSync(path, 'a: b\n')
  vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate'] })
  let now = 0
  vi.spyOn(systemClock, 'mono').mockImplementation(() => now)
  const pass = (ms: number): void => {
    now += ms
    vi.advanceTimersByTime(ms)
  }
  try {
    const file = new AliasFile(path, silentLogger)
    for (let looks = 0; looks < 30; looks++) {
      file.lookup('a')
      pass(1)
    }
    writeFileSync(path, 'a: another\n')
    expect(file.lookup('a')).toEqual([to('b')])
    pass(10)
    expect(file.lookup('a')).toEqual([to('another')])
    pass(100)
    file.lookup('a')
    writeFileSync(path, 'a: third\n')
    pass(1)
    expect(file.lookup('a')).toEqual([to('third')])
  } finally {
    vi.useRealTimers()
    vi.restoreAllMocks()
    rmSync(folder, { recursive: true })
  }
})

describe('includes', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'aliases-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)

  test('are read in, relative ones beside the file, also within each other, and followed as they change', async () => {
    write('aliases', 'all: :include:list, eva\n')
    write('list', '# members\nana, paco\n:include:more\n')
    write('more', 'Juan <juan@example.org>\n')
    const file = new AliasFile(join(folder, 'aliases'), silentLogger)
    expect(file.lookup('All')).toEqual([to('ana'), to('paco'), to('juan@example.org'), to('eva')])
    expect(file.lookup('nobody')).toBeNull()
    write('more', 'maria, juan@example.org\n')
    await turn()
    expect(file.lookup('all')).toContainEqual(to('maria'))
  })

  test('a missing, endless or dangerous one is a temporary failure', () => {
    write('aliases', 'a: :include:none\nb: :include:loop\nc: :include:bad\nd: ana\n')
    write('loop', ':include:loop\n')
    write('bad', 'ana\n|/bin/sh\n')
    const file = new AliasFile(join(folder, 'aliases'), silentLogger)
    expect(() => file.lookup('a')).toThrow(/no such file/)
    expect(() => file.lookup('b')).toThrow(/too many files within each other/)
    expect(() => file.lookup('c')).toThrow(/bad:2:1: a command may not stand in an :include: file/)
    expect(file.lookup('d')).toEqual([to('ana')])
  })
})
