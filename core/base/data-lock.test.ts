// The data folder has one owner, also across processes, and a known version.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openData } from './data-lock.ts'
import { Failure } from './failure.ts'

let folder: string
let data: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'data-'))
  data = join(folder, 'deep', 'data')
})
afterEach(() => rmSync(folder, { recursive: true }))

const failure = (text: RegExp) => (thrown: unknown) =>
  thrown instanceof Failure && thrown.kind === 'permanent' && text.test(thrown.detail) && thrown.detail.includes(data)

it('makes the folder for its owner alone and writes the version', () => {
  const owned = openData(data)
  expect(statSync(data).mode & 0o777).toBe(0o700)
  expect(statSync(join(data, 'lock.db')).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(data, 'version'), 'utf8')).toBe('1\n')
  owned.release()
  openData(data).release()
})

it('refuses a second owner until the first lets go', () => {
  const owned = openData(data)
  expect(() => openData(data)).toThrow(expect.toSatisfy(failure(/another Estafeta is using it/)))
  owned.release()
  openData(data).release()
})

it('is freed by the death of its owner', async () => {
  const program = `import { openData } from ${JSON.stringify(new URL('./data-lock.ts', import.meta.url).href)}
openData(${JSON.stringify(data)}); process.stdout.write('owned'); process.stdin.resume()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  expect(() => openData(data)).toThrow(expect.toSatisfy(failure(/another Estafeta/)))
  child.kill('SIGKILL')
  await once(child, 'exit')
  openData(data).release()
})

it('refuses a newer layout, a version file that is none, and a path that cannot be a folder', () => {
  openData(data).release()
  writeFileSync(join(data, 'version'), '2\n')
  expect(() => openData(data)).toThrow(expect.toSatisfy(failure(/newer Estafeta \(layout 2/)))
  writeFileSync(join(data, 'version'), 'what\n')
  expect(() => openData(data)).toThrow(expect.toSatisfy(failure(/version number, but says 'what'/)))
  writeFileSync(join(data, 'version'), '1\n')
  openData(data).release()
  writeFileSync(join(folder, 'file'), '')
  expect(() => openData(join(folder, 'file'))).toThrow(/cannot make the data folder/)
})
