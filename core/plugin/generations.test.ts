import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { silentLogger } from '../base/log.ts'
import { loadConfig } from '../config/load.ts'
import { ConfigError } from '../config/problems.ts'
import type { TraceEvent } from '../trace/trace.ts'
import { fakeSession } from './fakes.ts'
import { createGenerations } from './generations.ts'
import { createContainer } from './registry.ts'
import { CLOCK } from './services.ts'

let folder: string
const clock = new FakeClock()
/** Plugins say here what befell them. */
const told: string[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-generations-'))
  told.length = 0
  ;(globalThis as { told?: string[] }).told = told
})
afterEach(() => rmSync(folder, { recursive: true }))

const write = (name: string, text: string): void => {
  mkdirSync(join(folder, name, '..'), { recursive: true })
  writeFileSync(join(folder, name), text)
}

/** A plugin outside of the project, as a user writes one. */
const plugin = (name: string, body: string, extra = ''): void =>
  write(
    `${name}.ts`,
    `import { CLOCK, definePlugin, LOGGER, pass, replies, reject, token, z } from 'estafeta/plugin'
     export default definePlugin({ name: '${name}', description: 'A test', ${extra} setup(s: { config: { word?: string } }) { return { ${body} } } })`,
  )

const load = (plugins: object) => {
  write('estafeta.yaml', JSON.stringify({ hostname: 'mail.example.com', domains: ['example.com'], plugins }, null, 1))
  return loadConfig({ path: join(folder, 'estafeta.yaml') })
}

const events: TraceEvent[] = []
const start = (plugins: object) =>
  createGenerations({
    loaded: load(plugins),
    container: createContainer([[CLOCK, clock]]),
    clock,
    log: silentLogger,
    trace: { record: (event) => void events.push(event) },
  })

const report = async (plugins: object): Promise<string> => {
  const error = await start(plugins).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ConfigError)) throw error ?? new Error('it started')
  return error.format().replaceAll(folder, '')
}

describe('a file outside of the project', () => {
  it('runs by its path, with the tokens of the running instance, and is traced', async () => {
    plugin(
      'one',
      'connect: (session) => pass(String(s.clock.now()) + s.config.word)',
      'config: z.object({ word: z.string() }), inject: { clock: CLOCK, log: LOGGER },',
    )
    const generations = await start({ mine: { use: './one.ts', onError: 'pass', word: '!' } })
    const generation = generations.current()
    const session = fakeSession({}, generation.site, clock)
    expect(generation.hooks.connect(session)).toEqual({ kind: 'pass' })
    expect(events.at(-1)).toMatchObject({
      event: 'hook',
      plugin: 'mine',
      hook: 'connect',
      verdict: 'pass',
      detail: `${clock.now()}!`,
    })
    expect(generations.explainOrder().find(({ hook }) => hook === 'connect')).toEqual({
      hook: 'connect',
      plugins: [{ plugin: 'mine', stage: 'normal', onError: 'pass' }],
    })
    await generations.close()
  })
  it('may be a folder with an index', async () => {
    write(
      'two/index.ts',
      "import { definePlugin } from 'estafeta/plugin'\nexport default definePlugin({ name: 'two', description: '', setup: () => ({}) })",
    )
    await (await start({ two: { use: './two', onError: 'defer' } })).close()
  })
})

describe('checks before anything runs', () => {
  it('reports every mistake, with its place and the nearest right name', async () => {
    plugin('good', '', 'config: z.object({ word: z.string(), lists: z.array(z.string()).default([]) }),')
    plugin('old', '', 'api: 0,')
    plugin('asking', '', "inject: { x: token('Nothing') },")
    write('other.ts', 'export const plugin = 1')
    write('Bad.ts', "export default { name: 'Bad', description: '', setup() {} }")
    const on = { onError: 'pass' }
    expect(
      await report({
        good: { use: './good.ts', ...on, wrod: 'x', lists: [1] },
        old: { use: './old.ts', ...on },
        asking: { use: './asking.ts', ...on },
        other: { use: './other.ts', ...on },
        bad: { use: './Bad.ts', ...on },
        gone: { use: './gone.ts', ...on },
        acess: on,
        clamav: { onError: 'pass', enabled: false },
        clammav: { enabled: false },
      }),
    ).toMatchInlineSnapshot(`
      "/estafeta.yaml:7:3: plugins.good.word: missing: expected text
      /estafeta.yaml:10:4: plugins.good.wrod: unknown key (did you mean 'word'?)
      /estafeta.yaml:12:5: plugins.good.lists[0]: expected text, not 1
      /estafeta.yaml:15:3: plugins.old: it was written for version 0 of the plugin contract; this is version 1
      /estafeta.yaml:19:3: plugins.asking: it asks for 'x' by the token Nothing, which nobody provides
      /estafeta.yaml:23:3: plugins.other: its default export is no plugin: expected 'export default definePlugin({ … })'
      /estafeta.yaml:27:3: plugins.bad: its name 'Bad' is not in kebab-case
      /estafeta.yaml:31:3: plugins.gone: there is no plugin at /gone.ts
      /estafeta.yaml:35:3: plugins.acess: no plugin 'acess' is shipped, nor is a package of this name installed in  (did you mean 'access'?)
      /estafeta.yaml:42:3: plugins.clammav: no plugin 'clammav' is shipped, nor is a package of this name installed in  (did you mean 'clamav'?)"
    `)
  })
  it('names a plugin whose setup fails or gives no hooks, and closes those that were set up', async () => {
    plugin('fine', "close: () => { globalThis.told.push('closed') }")
    write('fails.ts', "export default { name: 'fails', description: '', setup() { throw new Error('no key') } }")
    write('odd.ts', "export default { name: 'odd', description: '', setup: () => ({ conect() {} }) }")
    plugin('asks', 'auth: () => null')
    plugin('named', '', 'config: z.object({ timeout: z.string() }),')
    const on = { onError: 'pass' }
    const text = await report({
      asks: { use: './asks.ts', ...on },
      named: { use: './named.ts', ...on, timeout: '5s' },
      fine: { use: './fine.ts', ...on },
      fails: { use: './fails.ts', ...on },
      odd: { use: './odd.ts', ...on },
    })
    expect(text).toMatch(/plugins\.fails: its setup failed: no key \(at .*fails\.ts:1:\d+\)/)
    expect(text).toContain("plugins.odd: there is no hook 'conect'; the hooks are connect, helo,")
    expect(text).toContain("plugins.asks: its hook 'auth' is no object with verify() or secret()")
    expect(text).toContain("plugins.named: its setting 'timeout' bears the name of a key that every entry has")
    expect(told).toEqual(['closed'])
  })
  it('refuses two couriers of one name, but not two instances of one plugin', async () => {
    const courier = 'couriers: { van: { deliver: async () => [] } }'
    plugin('red', courier)
    plugin('blue', courier)
    const on = { onError: 'defer' }
    expect(await report({ red: { use: './red.ts', ...on }, blue: { use: './blue.ts', ...on } })).toContain(
      "plugins.blue: gives the courier 'van', as 'red' does",
    )
    const twice = await start({ red: { use: './red.ts', ...on }, second: { use: './red.ts', ...on } })
    expect(twice.current().hooks.courier('second.van')).not.toBeNull()
    await twice.close()
  })
})

it('refuses a wish about order that stages make impossible', async () => {
  plugin('first', 'message: () => ({})')
  plugin('seals', "message: { stage: 'seal', run: () => ({}) }")
  const on = { onError: 'pass' }
  expect(
    await report({ seals: { use: './seals.ts', ...on, before: 'first' }, first: { use: './first.ts', ...on } }),
  ).toContain(
    "plugins.seals.before: cannot come before 'first': at the hook 'message' its stage is seal, that of 'first' normal",
  )
})

describe('reload', () => {
  it('swaps in a new generation, and closes the old one after its last holder', async () => {
    plugin(
      'one',
      'connect: () => pass(s.config.word), close: () => { globalThis.told.push(s.config.word) }',
      'config: z.object({ word: z.string() }),',
    )
    const generations = await start({ one: { use: './one.ts', onError: 'pass', word: 'first' } })
    const old = generations.current()
    old.hold()
    old.hold()
    const next = await generations.reload(load({ one: { use: './one.ts', onError: 'pass', word: 'second' } }))
    expect(generations.current()).toBe(next)
    expect([old.number, next.number]).toEqual([1, 2])
    old.release()
    expect(told).toEqual([])
    old.release()
    await Promise.resolve()
    expect(told).toEqual(['first'])
    await generations.close()
    expect(told).toEqual(['first', 'second'])
  })
  it('takes the plugin file as it is now', async () => {
    plugin('one', "connect: () => pass('before')")
    const entry = { one: { use: './one.ts', onError: 'pass' } }
    const generations = await start(entry)
    plugin('one', "connect: () => pass('after')")
    utimesSync(join(folder, 'one.ts'), 2e9, 2e9)
    const next = await generations.reload(load(entry))
    void next.hooks.connect(fakeSession({}, next.site, clock))
    expect(events.at(-1)).toMatchObject({ detail: 'after' })
    await generations.close()
  })
  it('leaves the old one running when the new one has a mistake', async () => {
    plugin('one', '')
    const generations = await start({ one: { use: './one.ts', onError: 'pass' } })
    const old = generations.current()
    await expect(generations.reload(load({ one: { use: './one.ts', onError: 'pass', word: 1 } }))).rejects.toThrow(
      ConfigError,
    )
    expect(generations.current()).toBe(old)
    await generations.close()
  })
})
