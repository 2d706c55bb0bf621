// What users may make of a server that acts under their ids: nothing beyond their own rights, and nothing that holds up others.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runBin } from '../kit/command.ts'
import { accountName, gidOf, isRoot, startUserSite, type UserSite, uidOf } from '../kit/user-site.ts'

if (!isRoot) console.log('user-rights.test.ts: not run, it needs root (useradd, delivery under other ids)')

const MIA = accountName('mia')
const MAL = accountName('mal')
const LEO = accountName('leo')

describe.runIf(isRoot)('users of a server started as root', () => {
  let site: UserSite
  beforeAll(async () => {
    site = await startUserSite([MIA, MAL, LEO], 'commandLimit: 500ms')
  })
  afterAll(() => site.close())

  const deferred = (id: string): Promise<string> => site.server.printed(new RegExp(`${id}: to=.*status=deferred`))
  const workerOf = (user: string): string => execFileSync('pgrep', ['-u', user, '-f', 'user-worker']).toString().trim()

  test('no group’s rights but their own: a group’s folder and another’s mail file stay closed', async () => {
    const shared = join(site.folder, 'shared')
    mkdirSync(shared)
    chownSync(shared, 0, gidOf('mail'))
    chmodSync(shared, 0o2770)
    const other = join(site.spool, LEO)
    writeFileSync(other, '')
    chownSync(other, uidOf(LEO), gidOf('mail'))
    chmodSync(other, 0o660)
    site.forward(MAL, `${shared}/x, ${other}\n`)
    const id = await site.submit(`${MAL}@box.test`, 'beyond')
    await site.server.printed(new RegExp(`${id}: to=<${shared}/x>.*status=deferred`))
    await site.server.printed(new RegExp(`${id}: to=<${other}>.*status=deferred`))
    expect(readdirSync(shared)).toEqual([])
    expect(readFileSync(other, 'latin1')).toBe('')
  })

  test('what stands in the spool under a user’s name is used only when it is that user’s own file', async () => {
    const file = join(site.spool, MIA)
    writeFileSync(file, '')
    chmodSync(file, 0o666)
    const id = await site.submit(`${MIA}@box.test`, 'whose')
    expect(await deferred(id)).toContain('451 4.2.0 The mail file belongs to someone else')
    expect(readFileSync(file, 'latin1')).toBe('')
  })

  test('/dev/null takes all, a named pipe nothing and nobody waits for it', async () => {
    site.forward(MAL, '/dev/null\n')
    await site.send(`${MAL}@box.test`, 'away')
    execFileSync('mkfifo', ['--mode=666', `/home/${MAL}/fifo`])
    site.forward(MAL, `/home/${MAL}/fifo\n`)
    expect(await deferred(await site.submit(`${MAL}@box.test`, 'pipe'))).toContain('is no regular file')
  })

  test('a Maildir message that fits only in part is not delivered, and whole when there is room', async () => {
    const maildir = `/home/${MAL}/Maildir`
    site.forward(MAL, `${maildir}/\n`)
    await site.send(`${MAL}@box.test`, 'first')
    const text = `${'0123456789 '.repeat(6)}\n`.repeat(300)
    const ids = { uid: uidOf(MAL), gid: statSync(`/home/${MAL}`).gid }
    const limit = (octets: string): unknown =>
      execFileSync('prlimit', ['--pid', workerOf(MAL), `--fsize=${octets}:`], ids)
    limit('10000')
    const id = await site.submit(`${MAL}@box.test`, 'second', text)
    expect(await deferred(id)).toContain('452 4.3.1')
    expect(readdirSync(join(maildir, 'new'))).toHaveLength(1)
    expect(readdirSync(join(maildir, 'tmp'))).toEqual([])
    limit('unlimited')
    await runBin('estafeta', ['--config', site.config, 'queue', 'flush', id])
    await site.server.printed(new RegExp(`${id}: removed`))
    const sizes = readdirSync(join(maildir, 'new')).map((name) => statSync(join(maildir, 'new', name)).size)
    expect(Math.max(...sizes)).toBeGreaterThan(text.length)
  })

  test('a command is ended at the limit with all it started; one that leaves something running is not waited for', async () => {
    const mark = `/home/${MAL}/mark`
    site.forward(MAL, `"|trap '' TERM; sleep 1000 & echo $! > ${mark}; wait; wait"\n`)
    await deferred(await site.submit(`${MAL}@box.test`, 'endless'))
    expect(existsSync(`/proc/${readFileSync(mark, 'utf8').trim()}/exe`)).toBe(false)
    site.forward(MAL, '"|sleep 2 & exit 0"\n')
    await site.send(`${MAL}@box.test`, 'behind')
  })

  test('a user who ends or has no process left for the mail holds up nobody else', async () => {
    site.forward(MAL, '"|kill -9 $PPID"\n')
    await deferred(await site.submit(`${MAL}@box.test`, 'killed', 'x\n'.repeat(500_000)))
    const limit = (processes: string): unknown =>
      execFileSync('prlimit', ['--pid', String(site.server.process.pid), `--nproc=${processes}`])
    const hard = execFileSync('prlimit', [
      '--pid',
      String(site.server.process.pid),
      '--nproc',
      '--output=HARD',
      '--noheadings',
    ])
    limit('0:')
    await deferred(await site.submit(`${MAL}@box.test`, 'none to be had'))
    limit(`${hard.toString().trim()}:`)
    await site.send(`${LEO}@box.test`, 'others')
  })
})
