// Started as root: the broker, delivery under each user's own id, .forward and commands. Needs root, since that is what it is about.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BIN, runBin, runCommand } from '../kit/command.ts'
import { accountName, isRoot, startUserSite, type UserSite, uidOf } from '../kit/user-site.ts'

if (!isRoot) console.log('system-users.test.ts: not run, it needs root (useradd, delivery under other ids)')

const MIA = accountName('mia')
const LEO = accountName('leo')

describe.runIf(isRoot)('a server started as root', () => {
  let site: UserSite
  beforeAll(async () => {
    site = await startUserSite([MIA, LEO])
  })
  afterAll(() => site.close())

  test('the server itself runs as the configured user; only its parent is root', () => {
    const pids = execFileSync('pgrep', ['-P', String(site.server.process.pid)])
      .toString()
      .trim()
      .split('\n')
    const owners = pids.map((pid) => statSync(`/proc/${pid}`).uid)
    expect(owners).toEqual([uidOf(site.account)])
  })

  test('mail lands in the user’s own mail file, owned by that user, From_ lines quoted', async () => {
    await site.send(`${MIA}@box.test`, 'one')
    const file = join(site.spool, MIA)
    expect(statSync(file).uid).toBe(uidOf(MIA))
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const text = readFileSync(file, 'latin1')
    expect(text).toMatch(new RegExp(`^From ${LEO}@box\\.test `))
    expect(text).toContain('\n>From here on\n')
    expect(text).not.toContain('\r')
  })

  test('a name in another letter case is the same user', async () => {
    await site.send(`${MIA.toUpperCase()}+News@box.test`, 'loud')
    expect(readFileSync(join(site.spool, MIA), 'latin1')).toContain('Subject: loud')
  })

  test('root’s mail goes to the postmaster, and nothing is delivered as root', async () => {
    await site.send('root@box.test', 'for root')
    expect(readFileSync(join(site.spool, MIA), 'latin1')).toContain('Subject: for root')
    expect(existsSync(join(site.spool, 'root'))).toBe(false)
  })

  test('.forward is followed: a copy kept, a command run as the user, an address', async () => {
    const home = `/home/${LEO}`
    site.forward(LEO, `\\${LEO}, "|id -un > ${home}/ran; cat > ${home}/piped", ${MIA}@box.test\n`)
    await site.send(`${LEO}@box.test`, 'forwarded')
    expect(readFileSync(join(home, 'ran'), 'utf8')).toBe(`${LEO}\n`)
    expect(readFileSync(join(home, 'piped'), 'latin1')).toContain('Subject: forwarded')
    expect(readFileSync(join(site.spool, LEO), 'latin1')).toContain('Subject: forwarded')
    expect(readFileSync(join(site.spool, MIA), 'latin1')).toContain('Subject: forwarded')
  })

  test('a .forward that others can write is not followed: the mail waits and says why', async () => {
    const home = `/home/${LEO}`
    chmodSync(join(home, '.forward'), 0o666)
    const id = await site.submit(`${LEO}@box.test`, 'unsafe')
    await site.server.printed(new RegExp(`${id}: to=<${LEO}@box\\.test>.*status=deferred`))
    const { stdout } = await runBin('estafeta', ['--config', site.config, 'trace', id])
    expect(stdout).toContain('can be written by others')
    chmodSync(join(home, '.forward'), 0o600)
    rmSync(join(home, '.forward'))
    expect(await runBin('estafeta', ['--config', site.config, 'queue', 'flush', id])).toMatchObject({
      code: 0,
      stderr: '',
    })
    await site.server.printed(new RegExp(`${id}: removed`))
  })

  test('a user’s sendmail takes the sender from who called it, over the socket and over the pickup folder', async () => {
    const ids = { uid: uidOf(LEO), gid: Number(execFileSync('id', ['-g', LEO])) }
    const call = () =>
      runBin('sendmail', ['-i', `${MIA}@box.test`], {
        ...ids,
        env: { ESTAFETA_CONFIG: site.config, HOME: `/home/${LEO}` },
        input: 'Subject: by hand\n\nhi\n',
      })
    expect(await call()).toEqual({ code: 0, stdout: '', stderr: '' })
    await site.server.printed(new RegExp(`from=<${LEO}@box\\.test>`))
    await site.server.stop()
    expect(await call()).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(readdirSync(join(site.folder, 'data', 'pickup'))).toHaveLength(1)
    await site.start()
    await site.server.printed(/status=sent/)
    expect(readFileSync(join(site.spool, MIA), 'latin1').match(/Subject: by hand/g)).toHaveLength(2)
    expect(
      readFileSync(join(site.spool, MIA), 'latin1').match(new RegExp(`^Return-Path: <${LEO}@box\\.test>\n`, 'gm'))!
        .length,
    ).toBeGreaterThanOrEqual(2)
  })

  test('a user who may not read the configuration hands mail in at the usual place, with the server up and down', async () => {
    execFileSync('chgrp', [site.account, site.config])
    chmodSync(site.config, 0o640)
    const view = [
      'mount -t tmpfs -o mode=0755 none /var/lib && mkdir /var/lib/estafeta',
      `mount --bind ${join(site.folder, 'data')} /var/lib/estafeta`,
      `exec setpriv --reuid ${LEO} --regid ${LEO} --clear-groups ${BIN}sendmail -i ${MIA}`,
    ].join(' && ')
    const call = (name: string) =>
      runCommand('unshare', ['--mount', '--', 'sh', '-c', view], {
        env: { ESTAFETA_CONFIG: site.config, HOME: `/home/${LEO}` },
        input: `Message-ID: <${name}@box.test>\n\nhi\n`,
      })
    const delivered = async (name: string) => {
      const [, id] = /(\w+): message-id/.exec(await site.server.printed(new RegExp(`message-id=<${name}@box\\.test>`)))!
      await site.server.printed(new RegExp(`${id}: removed`))
      const mail = readFileSync(join(site.spool, MIA), 'latin1')
      return mail.split(/^From /m).find((one) => one.includes(`<${name}@box.test>`))
    }
    expect(await call('up')).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(await delivered('up')).toContain(`Return-Path: <${LEO}@box.test>\nX-Original-To: ${MIA}@box.test\n`)
    await site.server.stop()
    expect(await call('down')).toEqual({ code: 0, stdout: '', stderr: '' })
    await site.start()
    expect(await delivered('down')).toContain(`Return-Path: <${LEO}@box.test>\nX-Original-To: ${MIA}@box.test\n`)
  })

  test('a user who asks for the queue is told who may', async () => {
    chmodSync(site.config, 0o644)
    const ids = { uid: uidOf(LEO), gid: Number(execFileSync('id', ['-g', LEO])) }
    const run = await runBin('mailq', [], { ...ids, env: { ESTAFETA_CONFIG: site.config, HOME: `/home/${LEO}` } })
    expect(run.code).toBe(77)
    expect(run.stderr).toMatch(/^estafeta: only root and the server's own user may ask it/)
  })

  test('mail for other domains is refused', async () => {
    const transport = createTransport({ host: '127.0.0.1', port: site.port, ignoreTLS: true })
    await expect(transport.sendMail({ from: `${MIA}@box.test`, to: 'x@out.test', text: 'x' })).rejects.toMatchObject({
      responseCode: 550,
    })
  })
})
