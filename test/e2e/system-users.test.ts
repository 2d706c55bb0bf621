// Started as root: the broker, delivery under each user's own id, .forward and commands. Needs root, since that is what it is about.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BIN, type RunningCommand, runBin, runCommand, startBin } from '../kit/command.ts'
import { freePort } from '../kit/free-port.ts'

const isRoot = process.getuid?.() === 0
if (!isRoot) console.log('system-users.test.ts: not run, it needs root (useradd, delivery under other ids)')

const TAG = `et${process.pid}`
const SERVER = `${TAG}srv`
const MIA = `${TAG}mia`
const LEO = `${TAG}leo`

describe.runIf(isRoot)('a server started as root', () => {
  let folder: string
  let spool: string
  let port: number
  let server: RunningCommand
  let config: string

  beforeAll(async () => {
    for (const user of [SERVER, MIA, LEO]) execFileSync('useradd', ['--create-home', '--shell', '/bin/sh', user])
    folder = mkdtempSync(join(tmpdir(), 'estafeta-users-'))
    chmodSync(folder, 0o755)
    spool = join(folder, 'mail-spool')
    mkdirSync(spool)
    chownSync(spool, 0, Number(execFileSync('getent', ['group', 'mail']).toString().split(':')[2]))
    chmodSync(spool, 0o2775)
    port = await freePort()
    config = join(folder, 'estafeta.yaml')
    writeFileSync(
      config,
      [
        'profile: local-only',
        'hostname: box.test',
        'origin: box.test',
        'domains: [box.test]',
        `postmaster: ${MIA}`,
        `user: ${SERVER}`,
        `data: ${join(folder, 'data')}`,
        `listen: { smtp: ["127.0.0.1:${port}"] }`,
        'queue: { minFree: 0 }',
        `plugins: { deliver-local: { mailSpool: ${spool} } }`,
      ].join('\n'),
    )
    server = startBin('estafeta', ['--config', config, 'serve'])
    await server.printed(/started, version/)
  })

  afterAll(async () => {
    await server.stop()
    for (const user of [SERVER, MIA, LEO]) execFileSync('userdel', ['--remove', user], { stdio: 'ignore' })
    rmSync(folder, { recursive: true })
  })

  const send = async (to: string, subject: string, from = `${LEO}@box.test`): Promise<string> => {
    const transport = createTransport({ host: '127.0.0.1', port, ignoreTLS: true })
    const { response } = await transport.sendMail({ from, to, subject, text: 'hello\nFrom here on' })
    const id = /queued as (\w+)/.exec(response)![1]!
    await server.printed(new RegExp(`${id}: removed`))
    return id
  }

  test('the server itself runs as the configured user; only its parent is root', () => {
    const pids = execFileSync('pgrep', ['-P', String(server.process.pid)])
      .toString()
      .trim()
      .split('\n')
    const owners = pids.map((pid) => statSync(`/proc/${pid}`).uid)
    expect(owners).toEqual([Number(execFileSync('id', ['-u', SERVER]).toString())])
  })

  test('mail lands in the user’s own mail file, owned by that user, From_ lines quoted', async () => {
    await send(`${MIA}@box.test`, 'one')
    const file = join(spool, MIA)
    expect(statSync(file).uid).toBe(Number(execFileSync('id', ['-u', MIA]).toString()))
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const text = readFileSync(file, 'latin1')
    expect(text).toMatch(new RegExp(`^From ${LEO}@box\\.test `))
    expect(text).toContain('\n>From here on\n')
    expect(text).not.toContain('\r')
  })

  test('root’s mail goes to the postmaster, and nothing is delivered as root', async () => {
    await send('root@box.test', 'for root')
    expect(readFileSync(join(spool, MIA), 'latin1')).toContain('Subject: for root')
    expect(existsSync(join(spool, 'root'))).toBe(false)
  })

  test('.forward is followed: a copy kept, a command run as the user, an address', async () => {
    const home = `/home/${LEO}`
    writeFileSync(join(home, '.forward'), `\\${LEO}, "|id -un > ${home}/ran; cat > ${home}/piped", ${MIA}@box.test\n`)
    chownSync(join(home, '.forward'), statSync(home).uid, statSync(home).gid)
    await send(`${LEO}@box.test`, 'forwarded')
    expect(readFileSync(join(home, 'ran'), 'utf8')).toBe(`${LEO}\n`)
    expect(readFileSync(join(home, 'piped'), 'latin1')).toContain('Subject: forwarded')
    expect(readFileSync(join(spool, LEO), 'latin1')).toContain('Subject: forwarded')
    expect(readFileSync(join(spool, MIA), 'latin1')).toContain('Subject: forwarded')
  })

  test('a .forward that others can write is not followed: the mail waits and says why', async () => {
    const home = `/home/${LEO}`
    chmodSync(join(home, '.forward'), 0o666)
    const transport = createTransport({ host: '127.0.0.1', port, ignoreTLS: true })
    const { response } = await transport.sendMail({
      from: `${MIA}@box.test`,
      to: `${LEO}@box.test`,
      subject: 'unsafe',
      text: 'x',
    })
    const id = /queued as (\w+)/.exec(response)![1]!
    await server.printed(new RegExp(`${id}: to=<${LEO}@box\\.test>.*status=deferred`))
    const { stdout } = await runBin('estafeta', ['--config', config, 'trace', id])
    expect(stdout).toContain('can be written by others')
    chmodSync(join(home, '.forward'), 0o600)
    rmSync(join(home, '.forward'))
    expect(await runBin('estafeta', ['--config', config, 'queue', 'flush', id])).toMatchObject({ code: 0, stderr: '' })
    await server.printed(new RegExp(`${id}: removed`))
  })

  test('a user’s sendmail takes the sender from who called it, over the socket and over the pickup folder', async () => {
    const ids = { uid: Number(execFileSync('id', ['-u', LEO])), gid: Number(execFileSync('id', ['-g', LEO])) }
    const call = () =>
      runBin('sendmail', ['-i', `${MIA}@box.test`], {
        ...ids,
        env: { ESTAFETA_CONFIG: config, HOME: `/home/${LEO}` },
        input: 'Subject: by hand\n\nhi\n',
      })
    expect(await call()).toEqual({ code: 0, stdout: '', stderr: '' })
    await server.printed(new RegExp(`from=<${LEO}@box\\.test>`))
    await server.stop()
    expect(await call()).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(readdirSync(join(folder, 'data', 'pickup'))).toHaveLength(1)
    server = startBin('estafeta', ['--config', config, 'serve'])
    await server.printed(/status=sent/)
    expect(readFileSync(join(spool, MIA), 'latin1').match(/Subject: by hand/g)).toHaveLength(2)
    expect(
      readFileSync(join(spool, MIA), 'latin1').match(new RegExp(`^Return-Path: <${LEO}@box\\.test>\n`, 'gm'))!.length,
    ).toBeGreaterThanOrEqual(2)
  })

  test('a user who may not read the configuration hands mail in at the usual place, with the server up and down', async () => {
    execFileSync('chgrp', [SERVER, config])
    chmodSync(config, 0o640)
    const view = [
      'mount -t tmpfs -o mode=0755 none /var/lib && mkdir /var/lib/estafeta',
      `mount --bind ${join(folder, 'data')} /var/lib/estafeta`,
      `exec setpriv --reuid ${LEO} --regid ${LEO} --clear-groups ${BIN}sendmail -i ${MIA}`,
    ].join(' && ')
    const call = (name: string) =>
      runCommand('unshare', ['--mount', '--', 'sh', '-c', view], {
        env: { ESTAFETA_CONFIG: config, HOME: `/home/${LEO}` },
        input: `Message-ID: <${name}@box.test>\n\nhi\n`,
      })
    const delivered = async (name: string) => {
      const [, id] = /(\w+): message-id/.exec(await server.printed(new RegExp(`message-id=<${name}@box\\.test>`)))!
      await server.printed(new RegExp(`${id}: removed`))
      const mail = readFileSync(join(spool, MIA), 'latin1')
      return mail.split(/^From /m).find((one) => one.includes(`<${name}@box.test>`))
    }
    expect(await call('up')).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(await delivered('up')).toContain(`Return-Path: <${LEO}@box.test>\nX-Original-To: ${MIA}@box.test\n`)
    await server.stop()
    expect(await call('down')).toEqual({ code: 0, stdout: '', stderr: '' })
    server = startBin('estafeta', ['--config', config, 'serve'])
    expect(await delivered('down')).toContain(`Return-Path: <${LEO}@box.test>\nX-Original-To: ${MIA}@box.test\n`)
  })

  test('mail for other domains is refused', async () => {
    const transport = createTransport({ host: '127.0.0.1', port, ignoreTLS: true })
    await expect(transport.sendMail({ from: `${MIA}@box.test`, to: 'x@out.test', text: 'x' })).rejects.toMatchObject({
      responseCode: 550,
    })
  })
})
