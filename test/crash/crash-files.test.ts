// The crash twin itself: it forgets what a disk may forget, and nothing else.
import { describe, expect, it } from 'vitest'
import { CrashFiles, PowerLoss } from '../kit/crash-files.ts'

function write(files: CrashFiles, path: string, text: string, sync: boolean): void {
  const fd = files.open(path, 'w')
  files.write(fd, [Buffer.from(text)], 0)
  if (sync) files.fdatasync(fd)
  files.close(fd)
}
const read = (files: CrashFiles, path: string): string | null =>
  files.stat(path) === null ? null : files.readFile(path).toString()

describe('without power', () => {
  it('keeps a file only if both it and its name were synced', () => {
    const files = new CrashFiles(['/d'])
    write(files, '/d/both', 'x', true)
    files.fsyncDir('/d')
    write(files, '/d/name-only', 'x', false)
    files.fsyncDir('/d')
    write(files, '/d/data-only', 'x', true)
    expect(read(files, '/d/data-only')).toBe('x')
    const after = files.reboot()
    expect(after.readdir('/d').sort()).toEqual(['both', 'name-only'])
    expect([read(after, '/d/both'), read(after, '/d/name-only')]).toEqual(['x', ''])
  })

  it('keeps the old content and the old name until the new ones are synced', () => {
    const files = new CrashFiles(['/d'])
    write(files, '/d/a', 'old', true)
    files.fsyncDir('/d')
    const fd = files.open('/d/a', 'r+')
    files.write(fd, [Buffer.from('N')], 0)
    files.truncate(fd, 2)
    expect(read(files, '/d/a')).toBe('Nl')
    files.rename('/d/a', '/d/b')
    files.mkdir('/d/new')
    const after = files.image()
    expect(after.readdir('/d')).toEqual(['a'])
    expect(read(after, '/d/a')).toBe('old')
    files.fdatasync(fd)
    files.fsyncDir('/d')
    const later = files.reboot()
    expect(later.readdir('/d').sort()).toEqual(['b', 'new'])
    expect(read(later, '/d/b')).toBe('Nl')
  })

  it('keeps links to one file one file', () => {
    const files = new CrashFiles(['/d'])
    write(files, '/d/a', 'x', true)
    files.link('/d/a', '/d/b')
    files.fsyncDir('/d')
    files.unlink('/d/a')
    const after = files.reboot()
    expect(after.stat('/d/a')?.ino).toBe(after.stat('/d/b')?.ino)
  })

  it('loses it at the numbered operation, and does nothing afterwards', () => {
    const files = new CrashFiles(['/d'])
    files.loseAt = 3
    const fd = files.open('/d/a', 'w')
    files.write(fd, [Buffer.from('x')], 0)
    expect(() => files.fdatasync(fd)).toThrow(PowerLoss)
    expect(() => files.readdir('/d')).toThrow(PowerLoss)
    expect(files.trace.map(({ kind }) => kind)).toEqual(['create', 'write', 'sync'])
  })

  it('lets some of the unsynced survive by seed: the same each time, other things with other seeds', () => {
    const files = new CrashFiles(['/d'])
    write(files, '/d/a', '', true)
    files.fsyncDir('/d')
    const fd = files.open('/d/a', 'r+')
    for (let i = 0; i < 4; i++) files.write(fd, [Buffer.alloc(1024, 'abcd'[i])], i * 1024)
    files.rename('/d/a', '/d/b')
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 300; seed++) {
      const [one, two] = [files.image(seed), files.image(seed)]
      const [name] = one.readdir('/d')
      expect(one.readdir('/d')).toHaveLength(1)
      expect(read(one, `/d/${name}`)).toBe(read(two, `/d/${name}`))
      outcomes.add(`${name} ${read(one, `/d/${name}`)?.length}`)
    }
    expect(outcomes).toContain('a 4096')
    expect(outcomes).toContain('b 4096')
    expect([...outcomes].some((outcome) => Number(outcome.slice(2)) < 1024)).toBe(true)
    expect(outcomes.size).toBeGreaterThan(20)
  })
})

describe('with faults', () => {
  it('fails the operation it is told to, a write halfway', () => {
    const files = new CrashFiles(['/d'])
    files.fault = ({ kind, grows }) => (kind === 'write' && grows ? 'ENOSPC' : null)
    const fd = files.open('/d/a', 'w')
    expect(() => files.write(fd, [Buffer.from('12345678')], 0)).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
    expect(read(files, '/d/a')).toBe('1234')
    expect(files.write(fd, [Buffer.from('ab')], 0)).toBe(2)
  })

  it('never makes durable what a failed sync left behind', () => {
    const files = new CrashFiles(['/d'])
    const fd = files.open('/d/a', 'w')
    files.fsyncDir('/d')
    files.write(fd, [Buffer.from('lost')], 0)
    files.fault = ({ kind }) => (kind === 'sync' ? 'EIO' : null)
    expect(() => files.fdatasync(fd)).toThrow(expect.objectContaining({ code: 'EIO' }))
    files.fault = () => null
    files.fdatasync(fd)
    expect(read(files, '/d/a')).toBe('lost')
    expect(read(files.reboot(), '/d/a')).toBe('')
  })

  it('says what Node says of missing and present files', () => {
    const files = new CrashFiles(['/d/sub'])
    write(files, '/d/a', 'x', false)
    const code = (run: () => unknown) => {
      try {
        run()
      } catch (error) {
        return (error as { code?: string }).code
      }
      return null
    }
    expect(code(() => files.open('/d/none', 'r'))).toBe('ENOENT')
    expect(code(() => files.open('/d/a', 'wx'))).toBe('EEXIST')
    expect(code(() => files.link('/d/a', '/d/a'))).toBe('EEXIST')
    expect(code(() => files.unlink('/d/none'))).toBe('ENOENT')
    expect(code(() => files.mkdir('/d/sub'))).toBe('EEXIST')
    expect(code(() => files.rmdir('/d'))).toBe('ENOTEMPTY')
    expect(code(() => files.readdir('/d/a'))).toBe('ENOTDIR')
    expect(code(() => files.open('/none/a', 'w'))).toBe('ENOENT')
    expect(files.stat('/none')).toBeNull()
  })
})
