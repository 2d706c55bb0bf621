// Large sets are synced with their whole file system, small ones and those that lie elsewhere one by one.
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { FakeClock, systemClock } from '../base/clock.ts'
import { createSyncer, type Syncer } from './syncer.ts'

const OTHER = '/dev/shm'
const folders: string[] = []
let folder: string
let syncer: Syncer

function newFolder(parent: string): string {
  const made = mkdtempSync(join(parent, 'syncer-'))
  folders.push(made)
  return made
}

function newFiles(parent: string): string[] {
  return Array.from({ length: 20 }, (_, n) => {
    writeFileSync(join(parent, `${n}`), 'x')
    return join(parent, `${n}`)
  })
}

beforeEach(() => {
  folder = newFolder(tmpdir())
  syncer = createSyncer(systemClock, folder)
})
afterEach(() => {
  syncer.close()
  for (const made of folders.splice(0)) rmSync(made, { recursive: true })
})

it('syncs few and many', async () => {
  const files = newFiles(folder)
  await syncer.sync(files.slice(0, 2), [folder])
  await syncer.sync(files, [folder])
})

it('goes on after its thread has ended for want of work', async () => {
  const clock = new FakeClock()
  const other = createSyncer(clock, folder)
  const files = newFiles(folder)
  await other.sync(files, [folder])
  clock.advance(60_000)
  await Promise.all([other.sync(files, [folder]), other.sync(files, [folder])])
  other.close()
})

it('fails when one of few files is gone', async () => {
  await expect(syncer.sync([join(folder, 'gone')], [])).rejects.toThrow('ENOENT')
})

const device = statSync(tmpdir()).dev
const isAlone = (statSync(OTHER, { throwIfNoEntry: false })?.dev ?? device) === device

it.skipIf(isAlone)('syncs what lies on another file system by itself', async () => {
  mkdirSync(join(folder, 'mail'))
  symlinkSync(newFolder(OTHER), join(folder, 'mail', 'linked'))
  const linked = newFiles(join(folder, 'mail', 'linked'))
  await syncer.sync([...newFiles(folder), ...linked], [])
  const gone = join(folder, 'mail', 'linked', 'gone')
  await expect(syncer.sync([...newFiles(folder), gone], [])).rejects.toThrow('ENOENT')
})
