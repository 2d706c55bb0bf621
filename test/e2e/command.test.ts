// The built command from outside, never as root: queue and mail faces with the server up and down, their exit codes.
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { QueueView } from '../../core/admin/queue-actions.ts'
import { BIN, type Run, type RunningCommand, type RunOptions, runBin, runCommand, startBin } from '../kit/command.ts'
import { freePorts } from '../kit/free-port.ts'
import { type ScriptedServer, startScriptedSmtp } from '../kit/scripted-smtp.ts'
import { SmtpTalk } from '../kit/smtp-talk.ts'

const ids = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
const PACO = 'paco@estafeta.test'

let folder: string
let config: string
let server: RunningCommand | null = null
let smtp: number
let relay: number

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'estafeta-command-'))
  chmodSync(folder, 0o755)
  config = join(folder, 'estafeta.yaml')
  ;[smtp, relay] = (await freePorts(2)) as [number, number]
  mkdirSync(join(folder, 'data'))
  writeFileSync(
    config,
    [
      'profile: smarthost',
      'hostname: mx.estafeta.test',
      'origin: estafeta.test',
      'domains: [estafeta.test]',
      'postmaster: ana@estafeta.test',
      'data: data',
      'users: { file: users.yaml }',
      `relay: { host: "[127.0.0.1]:${relay}", tls: none }`,
      'queue: { minFree: 0, firstRetry: 1h }',
      `listen: { smtp: ["127.0.0.1:${smtp}"], submission: [], submissions: [], imap: [], imaps: [], pop3: [], pop3s: [] }`,
      'plugins: { spf-dkim-dmarc: { enabled: false } }',
      '',
    ].join('\n'),
  )
  writeFileSync(join(folder, 'users.yaml'), `users:\n  ana@estafeta.test: {}\n  ${PACO}: {}\n`)
  writeFileSync(join(folder, 'data', 'aliases'), 'team: ana, paco\n')
  if (ids.uid !== undefined)
    for (const path of [
      folder,
      join(folder, 'data'),
      config,
      join(folder, 'users.yaml'),
      join(folder, 'data', 'aliases'),
    ])
      chownSync(path, ids.uid, ids.gid)
})
afterAll(async () => {
  await server?.stop()
  rmSync(folder, { recursive: true })
})

async function serve(): Promise<RunningCommand> {
  server = startBin('estafeta', ['--config', config, 'serve'], ids)
  await server.printed(/started, version/)
  return server
}
async function stop(): Promise<void> {
  expect(await server?.stop()).toBe(0)
  server = null
}
const estafeta = (args: readonly string[], options: RunOptions = {}): Promise<Run> =>
  runBin('estafeta', ['--config', config, ...args], { ...ids, ...options })
/** By one of its other names. */
const face = (name: string, args: readonly string[], input = ''): Promise<Run> =>
  runBin(name, args, { ...ids, env: { ESTAFETA_CONFIG: config, HOME: folder }, input })

const queued = async (...filter: string[]): Promise<QueueView[]> =>
  JSON.parse((await estafeta(['queue', 'list', '--json', ...filter])).stdout) as QueueView[]

/** Waits in the queue, since nothing listens at the relay. */
async function sendWaiting(to: string): Promise<string> {
  const run = await face('sendmail', ['-f', PACO, to], `Subject: for ${to}\n\nhello\n`)
  expect(run).toEqual({ code: 0, stdout: '', stderr: '' })
  const pattern = new RegExp(`(\\w{16}): to=<${to.replace('.', '\\.')}>.*status=deferred`)
  return pattern.exec(await server!.printed(pattern))![1]!
}

describe.each(['up', 'down'] as const)('the queue with the server %s', (state) => {
  let x: string
  let y: string
  beforeAll(async () => {
    await serve()
    x = await sendWaiting(`x-${state}@out.test`)
    y = await sendWaiting(`y-${state}@out.test`)
    if (state === 'down') await stop()
  })
  afterAll(async () => {
    await estafeta(['queue', 'delete', '--all'])
    if (server) await stop()
  })

  test('list, with filters, and mailq', async () => {
    const { code, stdout } = await estafeta(['queue', 'list'])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      new RegExp(`^${x} .*${PACO} +x-${state}@out\\.test +(retry in|active).*connection refused`, 'm'),
    )
    expect(await queued()).toHaveLength(2)
    expect(await queued('--recipient', `y-${state}@out.test`)).toMatchObject([{ id: y, sender: PACO }])
    expect(await queued('--sender', '@nowhere.test')).toEqual([])
    expect(await queued('--older-than', '1d')).toEqual([])
    expect((await estafeta(['queue', 'list', '--older-than', '1d'])).stdout).toBe(
      'No message in the queue is of that kind.\n',
    )
    expect(await queued('--reason', 'connection refused')).toHaveLength(2)
    const mailq = await face('mailq', [])
    expect(mailq.code).toBe(0)
    expect(mailq.stdout).toMatch(
      new RegExp(`^-Queue ID-[\\s\\S]*^${x}[ *].* ${PACO}$[\\s\\S]*-- \\d+ Kbytes in 2 Requests\\.\n$`, 'm'),
    )
    expect((await face('sendmail', ['-bp'])).stdout).toBe(mailq.stdout)
  })

  test('show and cat; an unknown id ends with 66', async () => {
    const { code, stdout } = await estafeta(['queue', 'show', x])
    expect(code).toBe(0)
    expect(stdout).toContain(`recipient  0 <x-${state}@out.test> ready, 1 attempts, due `)
    const cat = await estafeta(['queue', 'cat', x])
    expect(cat.code).toBe(0)
    expect(cat.stdout).toMatch(
      new RegExp(`^Received: [\\s\\S]*\r\nSubject: for x-${state}@out\\.test\r\n[\\s\\S]*\r\n\r\nhello\r\n$`),
    )
    for (const command of ['show', 'cat', 'hold', 'flush', 'delete'])
      expect(await estafeta(['queue', command, '0000000000000000']), command).toMatchObject({ code: 66 })
  })

  test('hold, release, requeue, flush and delete', async () => {
    expect(await estafeta(['queue', 'hold', x])).toEqual({ code: 0, stdout: 'hold: 1 message\n', stderr: '' })
    expect(await queued('--held')).toMatchObject([{ id: x, held: { reason: 'held by the operator' } }])
    expect((await face('mailq', [])).stdout).toContain(`${x}!`)
    expect((await estafeta(['queue', 'list'])).stdout).toMatch(new RegExp(`${x}.*held: held by the operator`))
    expect(await estafeta(['queue', 'release', x])).toMatchObject({ code: 0, stdout: 'release: 1 message\n' })
    expect(await queued('--held')).toEqual([])
    expect(await estafeta(['queue', 'requeue', '--all'])).toMatchObject({ code: 0, stdout: 'requeue: 2 messages\n' })
    expect(await estafeta(['queue', 'flush'])).toMatchObject({ code: 0 })
    expect(await estafeta(['queue', 'delete', '--recipient', `x-${state}@out.test`])).toMatchObject({
      code: 0,
      stdout: 'delete: 1 message\n',
    })
    expect((await queued()).map(({ id }) => id)).toEqual([y])
  })

  test('mistakes of use end with 64', async () => {
    for (const args of [
      ['queue', 'hold'],
      ['queue', 'delete'],
      ['queue', 'show'],
      ['queue', 'frobnicate'],
      ['queue', 'list', '--nonsense'],
      ['queue', 'list', '--older-than', 'yesterday'],
    ]) {
      const run = await estafeta(args)
      expect(run, args.join(' ')).toMatchObject({ code: 64, stdout: '' })
      expect(run.stderr).not.toBe('')
      expect(run.stderr).not.toContain('    at ')
      if (args[1] === 'frobnicate') expect(run.stderr).toContain("unknown command 'frobnicate'")
    }
  })

  test('trace by queue id, Message-ID and address; nothing on record ends with 66', async () => {
    const [{ messageId }] = (await queued('--recipient', `y-${state}@out.test`)) as [QueueView]
    for (const about of [y, messageId!, `y-${state}@out.test`]) {
      const run = await estafeta(['trace', about])
      expect(run, about).toMatchObject({ code: 0, stderr: '' })
      expect(run.stdout).toMatch(new RegExp(`^${y} from <${PACO}>`))
      expect(run.stdout).toMatch(/attempt {2}smarthost {2}deferred {2}<y-/)
    }
    expect(await estafeta(['trace', 'nobody@nowhere.test'])).toMatchObject({ code: 66, stdout: '' })
    expect(await estafeta(['trace', y, '--limit', 'all'])).toMatchObject({ code: 64 })
  })
})

describe('sendmail', () => {
  let peer: ScriptedServer
  beforeAll(async () => {
    await serve()
    peer = await startScriptedSmtp({ port: relay })
  })
  afterAll(async () => {
    await stop()
    await peer.close()
  })
  /** The mail that the relay got next. */
  async function sent(args: readonly string[], input: string) {
    const before = peer.mails.length
    expect(await face('sendmail', args, input)).toEqual({ code: 0, stdout: '', stderr: '' })
    await peer.until(() => peer.mails.length > before)
    return peer.mails[before]!
  }

  test('-t takes the recipients of To, Cc and Bcc; Bcc goes', async () => {
    const text = `From: Paco <${PACO}>\nTo: A <a@out.test>, "B, b" <b@out.test>\nCc: c@out.test\nBcc: d@out.test\nSubject: t\n\nx\n`
    const mail = await sent(['-t', '-i', '-f', PACO], text)
    expect([...mail.to].sort()).toEqual(['a@out.test', 'b@out.test', 'c@out.test', 'd@out.test'])
    expect(mail.data).not.toMatch(/^Bcc:/m)
    expect(mail.data).toMatch(/^Received: by \S+ \(Estafeta, from a local program\) id \w{16};/m)
    expect(await face('sendmail', ['-t'], 'Subject: nobody\n\nx\n')).toMatchObject({ code: 64 })
  })

  test('a line with a dot ends the message, unless -i or -oi is given', async () => {
    const text = 'Subject: dots\n\none\n.\ntwo\n..three\n'
    expect((await sent(['-f', PACO, 'x@out.test'], text)).data).toMatch(/\r\n\r\none\r\n$/)
    for (const flag of ['-i', '-oi'])
      expect((await sent([flag, '-f', PACO, 'x@out.test'], text)).data).toMatch(
        /\r\n\r\none\r\n\.\r\ntwo\r\n\.\.three\r\n$/,
      )
  })

  test('-f and -F name the sender; without -f it is the caller', async () => {
    const mail = await sent([`-f${PACO}`, '-F', 'Paco "P" P.', 'x@out.test'], 'Subject: f\n\nx\n')
    expect(mail.from).toBe(PACO)
    expect(mail.data).toContain(`From: "Paco \\"P\\" P." <${PACO}>\r\n`)
    const named = await sent([`-f${PACO}`, '-F', 'José García', 'x@out.test'], 'Subject: f\n\nx\n')
    expect(named.data).toContain(`From: =?UTF-8?B?Sm9zw6kgR2FyY8OtYQ==?= <${PACO}>\r\n`)
    expect((await sent(['x@out.test'], 'Subject: f\n\nx\n')).from).toMatch(/^[a-z]+@estafeta\.test$/)
    expect((await sent(['-f', '<>', 'x@out.test'], 'Subject: f\n\nx\n')).from).toBe('')
  })

  test('-N, -R and -V ask for delivery reports', async () => {
    await sent(['-N', 'success,failure', '-R', 'hdrs', '-V', 'id-1', '-f', PACO, 'x@out.test'], 'Subject: n\n\nx\n')
    expect(peer.lines.filter((line) => line.startsWith('MAIL')).at(-1)).toMatch(
      / RET=HDRS.* ENVID=id-1|ENVID=id-1.*RET=HDRS/,
    )
    expect(peer.lines.filter((line) => line.startsWith('RCPT')).at(-1)).toMatch(/NOTIFY=SUCCESS,FAILURE/)
  })

  test('-bs speaks SMTP on standard input and output', async () => {
    const before = peer.mails.length
    const lines = [
      'EHLO me',
      `MAIL FROM:<${PACO}>`,
      'RCPT TO:<x@out.test>',
      'DATA',
      'Subject: bs',
      '',
      'x',
      '.',
      'QUIT',
      '',
    ]
    // programs of this machine end their lines as they like
    for (const end of ['\r\n', '\n']) {
      const run = await face('sendmail', ['-bs'], lines.join(end))
      expect(run).toMatchObject({ code: 0, stderr: '' })
      expect(run.stdout).toMatch(/^220 [\s\S]*354 [\s\S]*250 2\.0\.0 OK queued as \w+\r\n221 [\s\S]*$/)
    }
    await peer.until(() => peer.mails.length > before + 1)
  })

  test('-bv says of each address whether mail for it is taken, and sends nothing', async () => {
    const before = peer.mails.length
    expect(await face('sendmail', ['-bv', 'x@out.test', 'ana'])).toEqual({
      code: 0,
      stdout: 'x@out.test... deliverable\nana@estafeta.test... deliverable\n',
      stderr: '',
    })
    const run = await face('sendmail', ['-bv', '-f', PACO, 'nobody-here', 'ana', 'a@b@c'])
    expect(run).toMatchObject({ code: 67, stderr: '' })
    expect(run.stdout).toMatch(
      /^nobody-here@estafeta\.test\.\.\. 550 5\.1\.1 .*\nana@estafeta\.test\.\.\. deliverable\na@b@c\.\.\. .*\n$/,
    )
    expect(await face('sendmail', ['-bv'])).toMatchObject({ code: 64 })
    expect(peer.mails.length).toBe(before)
  })

  test('a recipient that is refused is reported to the sender; the others get the mail', async () => {
    const before = peer.mails.length
    const args = ['-f', PACO, 'x@out.test', 'nobody-here', 'y@out.test']
    expect(await face('sendmail', args, 'Subject: mixed\n\nx\n')).toEqual({ code: 0, stdout: '', stderr: '' })
    await peer.until(() => peer.mails.length > before)
    expect([...peer.mails.at(-1)!.to].sort()).toEqual(['x@out.test', 'y@out.test'])
    const bounced = await server!.printed(/to=<nobody-here@estafeta\.test>.*status=bounced/)
    expect(bounced).toMatch(
      /: \w{16}: to=<nobody-here@estafeta\.test>, relay=none, .*dsn=5\.1\.1, status=bounced \(550 /,
    )
    const [, report] = /sender non-delivery notification: (\w{16})/.exec(
      await server!.printed(/sender non-delivery notification/),
    )!
    await server!.printed(new RegExp(`${report}: to=<paco@estafeta\\.test>.*status=sent`))
    // nobody to tell: the caller hears of it
    const silent = await face('sendmail', ['-f', '<>', 'nobody-here'], 'x\n')
    expect(silent).toMatchObject({ code: 69, stdout: '' })
    expect(silent.stderr).toMatch(/<nobody-here@estafeta\.test>: 5\.1\.1 /)
  })

  test('an address that is none keeps no other from getting the mail, and ends with 65', async () => {
    const before = peer.mails.length
    const run = await face('sendmail', ['-f', PACO, 'a@b@c', 'x@out.test'], 'Subject: odd\n\nx\n')
    expect(run).toMatchObject({ code: 65, stdout: '' })
    expect(run.stderr).toMatch(/'a@b@c'/)
    await peer.until(() => peer.mails.length > before)
  })

  test('local names go to the users of the site; unknown ones bounce, nonsense ends with 64', async () => {
    expect(await face('sendmail', ['-f', 'paco@localhost', 'team@localhost'], 'Subject: team\n\nx\n')).toMatchObject({
      code: 0,
    })
    await server!.printed(/from=<paco@estafeta\.test>/)
    await server!.printed(/to=<ana@estafeta\.test>.*status=sent/)
    await server!.printed(/to=<paco@estafeta\.test>.*status=sent/)
    expect(await face('sendmail', ['-f', PACO, 'not-here'], 'x\n')).toEqual({ code: 0, stdout: '', stderr: '' })
    await server!.printed(/to=<not-here@estafeta\.test>, relay=none, .*status=bounced/)
    expect(await face('sendmail', ['a@b@c'], 'x\n')).toMatchObject({ code: 64 })
    expect(await face('sendmail', [], 'x\n')).toMatchObject({ code: 64 })
    expect(await face('sendmail', ['-Z', 'ana'], 'x\n')).toMatchObject({ code: 64 })
  })

  test('--help tells its flags; -h is one of them', async () => {
    expect((await face('sendmail', ['--help'])).stdout).toMatch(/^ {2}-t +recipients are those of To/m)
    expect(await face('sendmail', ['-h', '3', '-f', PACO, 'ana'], 'Subject: hops\n\nx\n')).toMatchObject({ code: 0 })
  })

  test('recipients may stand in one argument, and a progress bar in the text', async () => {
    const mail = await sent(['-f', PACO, 'x@out.test,Y <y@out.test>'], 'Subject: bar\n\n10%\r20%\rdone\n')
    expect([...mail.to].sort()).toEqual(['x@out.test', 'y@out.test'])
    expect(mail.data).toMatch(/\r\n\r\n10%\r\n20%\r\ndone\r\n$/)
  })

  test('a local program may name more recipients than a client', async () => {
    const many = Array.from({ length: 1001 }, (_, n) => `x${n}@out.test`)
    const before = peer.mails.length
    await sent(['-t', '-f', PACO], `Bcc: ${many.join(',\n ')}\nSubject: many\n\nx\n`)
    const reached = () => peer.mails.slice(before).flatMap((mail) => mail.to)
    await peer.until(() => reached().length === many.length)
    expect(reached().sort()).toEqual(many.sort())
  })

  test('mail that the server cannot take now is kept, and leaves when it can', async () => {
    const text = readFileSync(config, 'utf8')
    await stop()
    writeFileSync(config, text.replace('minFree: 0', 'minFree: 900TiB'))
    await serve()
    expect(await face('sendmail', ['-f', PACO, 'room@out.test'], 'Subject: no room\n\nx\n')).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    })
    await server!.printed(/pickup: .* stays: 4\.3\.1 /)
    await stop()
    writeFileSync(config, text)
    await serve()
    await peer.until(() => peer.mails.some((mail) => mail.to[0] === 'room@out.test'))
  })

  test('mail is handed in from a folder that is gone, too', async () => {
    const gone = join(folder, 'gone')
    const script = `mkdir ${gone} && cd ${gone} && rmdir ${gone} && exec ${BIN}sendmail -f ${PACO} gone@out.test`
    const options = { ...ids, env: { ESTAFETA_CONFIG: config, HOME: folder }, input: 'Subject: gone\n\nx\n' }
    expect(await runCommand('sh', ['-c', script], options)).toMatchObject({ code: 0 })
    await server!.printed(/to=<gone@out\.test>/)
  })

  test('mistakes in the configuration keep nobody from handing mail in', async () => {
    const broken = join(folder, 'broken.yaml')
    writeFileSync(broken, readFileSync(config, 'utf8').replace(/^queue: .*/m, 'queue: { lifetime: soon }'))
    const env = { ESTAFETA_CONFIG: broken, HOME: folder }
    const input = 'Subject: meanwhile\n\nx\n'
    const run = await runBin('sendmail', ['-f', PACO, 'meanwhile@out.test'], { ...ids, env, input })
    expect(run).toEqual({ code: 0, stdout: '', stderr: '' })
    await server!.printed(/to=<meanwhile@out\.test>/)
  })

  test('with the server down mail is kept, and leaves when it is up', async () => {
    await stop()
    expect(await face('sendmail', ['-f', PACO, 'later@out.test'], 'Subject: later\n\nx\n')).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    })
    expect(await face('sendmail', ['-bs'], 'QUIT\r\n')).toMatchObject({ code: 75 })
    await serve()
    await peer.until(() => peer.mails.some((mail) => mail.to[0] === 'later@out.test'))
    expect(readdirSync(join(folder, 'data', 'pickup'))).toEqual([])
  })
})

describe('the rest', () => {
  afterEach(async () => {
    if (server) await stop()
  })

  test('sessions: who is connected; 69 when no server answers', async () => {
    await serve()
    expect(await estafeta(['sessions'])).toEqual({ code: 0, stdout: 'Nobody is connected.\n', stderr: '' })
    const talk = await SmtpTalk.open(smtp)
    await talk.ask('MAIL FROM:<a@away.test>')
    expect((await estafeta(['sessions'])).stdout).toMatch(
      /^SESSION[\s\S]*smtp +127\.0\.0\.1 +- .*from=<a@away\.test>\n$/,
    )
    talk.close()
    await stop()
    for (const command of ['sessions', 'reload']) {
      const run = await estafeta([command])
      expect(run, command).toMatchObject({ code: 69, stdout: '' })
      expect(run.stderr).toMatch(/^estafeta: no server answers at /)
    }
  })

  test('newaliases counts, and names every mistake with 65', async () => {
    expect(await face('newaliases', [])).toMatchObject({ code: 0, stdout: expect.stringMatching(/: 1 aliases\n$/) })
    const file = join(folder, 'data', 'aliases')
    writeFileSync(file, 'team: ana, paco\nteam: ana\nbroken\n: x\n')
    const run = await face('newaliases', [])
    expect(run).toMatchObject({ code: 65, stdout: '' })
    expect(run.stderr).toMatch(/aliases:2[\s\S]*aliases:3[\s\S]*aliases:4/)
    writeFileSync(file, 'team: ana, paco\n')
    expect(await face('sendmail', ['-bi'])).toMatchObject({ code: 0 })
  })

  test('user, alias and domain edit the files, and refuse what is there or not there', async () => {
    for (const name of ['user', 'alias', 'domain'])
      expect(await estafeta([name, 'del', 'eva@estafeta.test'])).toMatchObject({
        code: 64,
        stderr: expect.stringMatching(
          new RegExp(`^estafeta: ${name}: unknown command 'del'; there are add, remove, list`),
        ),
      })
    const add = ['user', 'add', 'eva@estafeta.test', '--password-stdin', '--name', 'Eva', '--send-as', '@estafeta.test']
    expect(await estafeta(add, { input: 'eva-secret\n' })).toMatchObject({
      code: 0,
      stdout: 'added eva@estafeta.test\n',
    })
    expect(await estafeta(add, { input: 'eva-secret\n' })).toMatchObject({ code: 65 })
    expect((await estafeta(['user', 'list'])).stdout).toMatch(/eva@estafeta\.test +Eva/)
    const shown = await estafeta(['user', 'show', 'eva@estafeta.test', '--json'])
    expect(JSON.parse(shown.stdout)).toMatchObject({
      account: 'eva@estafeta.test',
      name: 'Eva',
      sendAs: ['@estafeta.test'],
    })
    expect(shown.stdout).not.toContain('$')
    expect(await estafeta(['user', 'disable', 'eva'])).toMatchObject({ code: 0 })
    expect(await estafeta(['user', 'enable', 'eva'])).toMatchObject({ code: 0 })
    expect(await estafeta(['user', 'passwd', 'eva', '--password-stdin'], { input: 'new\n' })).toMatchObject({ code: 0 })
    expect(await estafeta(['user', 'remove', 'nobody'])).toMatchObject({ code: 67 })
    expect(await estafeta(['user', 'add', 'x@foreign.test', '--no-password'])).toMatchObject({ code: 65 })
    expect(await estafeta(['domain', 'add', 'virtual.test'])).toMatchObject({ code: 0 })
    expect(await estafeta(['alias', 'add', 'sales@virtual.test', 'eva@estafeta.test'])).toMatchObject({ code: 0 })
    expect(await estafeta(['alias', 'add', 'desk', 'eva', 'ana'])).toMatchObject({ code: 0 })
    expect((await estafeta(['alias', 'list'])).stdout).toMatch(
      /desk +eva, ana[\s\S]*sales@virtual\.test +eva@estafeta\.test/,
    )
    expect(await estafeta(['alias', 'remove', 'desk'])).toMatchObject({ code: 0 })
    expect((await estafeta(['alias', 'remove', 'desk'])).code).not.toBe(0)
    expect(await estafeta(['alias', 'remove', 'sales@virtual.test'])).toMatchObject({ code: 0 })
    expect(await estafeta(['domain', 'remove', 'virtual.test'])).toMatchObject({ code: 0 })
    expect(await estafeta(['user', 'remove', 'eva'])).toMatchObject({ code: 0 })
  })

  test('check: a good configuration, and one full of mistakes in one report with 78', async () => {
    expect(await estafeta(['check'])).toMatchObject({ code: 0, stderr: '' })
    const elsewhere = join(folder, 'elsewhere.yaml')
    writeFileSync(
      elsewhere,
      'profile: internet-site\nhostname: mx.a.test\norigin: mx.a.test\ndomains: [a.test]\npostmaster: ana@a.test\ndata: data\n',
    )
    const noted = await runBin('estafeta', ['--config', elsewhere, 'check'], ids)
    expect(noted).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^note: origin mx\.a\.test is none of the domains/m),
    })
    const bad = join(folder, 'bad.yaml')
    writeFileSync(
      bad,
      [
        'profile: internet-site',
        'hostnam: mx.estafeta.test',
        'hostname: "not a name"',
        'domains: estafeta.test',
        'postmaster: ana',
        'data: data',
        'limits: { messageSize: plenty, recipients: 5 }',
        'listen: { smtp: ["127.0.0.1:99999"], managesieve: ["*:4190"] }',
        'plugins:',
        '  rbl: { enabled: true, lists: [], onError: perhaps }',
        '  acces: { onError: defer }',
        '  mine: { use: ./missing.ts }',
        '  deliver-smtp: { prot: 26, after: deliver-locl }',
      ].join('\n'),
    )
    const run = await runBin('estafeta', ['--config', bad, 'check'], ids)
    expect(run).toMatchObject({ code: 78, stdout: '' })
    for (const line of [2, 3, 4, 7, 8, 10, 12, 13]) expect(run.stderr).toMatch(new RegExp(`^${bad}:${line}:`, 'm'))
    expect(run.stderr).toContain("did you mean 'hostname'?")
    expect(run.stderr).toContain("did you mean 'deliver-local'?")
    expect(run.stderr).toContain('not built in this version')
    expect(await runBin('estafeta', ['--config', bad, 'serve'], ids)).toMatchObject({ code: 78, stdout: '' })
  })

  test('a plugin that cannot be loaded is named, and nothing is started', async () => {
    const broken = join(folder, 'broken.yaml')
    writeFileSync(
      join(folder, 'broken.ts'),
      "import { definePlugin } from 'estafeta/plugin'\nthrow new Error('no way')\n",
    )
    writeFileSync(
      broken,
      `hostname: mx.estafeta.test\ndata: other\nlisten: { smtp: ["127.0.0.1:${smtp}"] }\nplugins:\n  broken: { use: ./broken.ts, onError: defer }\n  missing: { use: ./missing.ts, onError: defer }\n`,
    )
    for (const command of ['check', 'serve']) {
      const run = await runBin('estafeta', ['--config', broken, command], ids)
      expect(run, command).toMatchObject({ code: 78, stdout: '' })
      expect(run.stderr).toMatch(/broken\.yaml:5:.*no way[\s\S]*broken\.yaml:6:/)
    }
  })

  test('no configuration, no such command, help and version', async () => {
    const none = await runBin('estafeta', ['--config', join(folder, 'nowhere.yaml'), 'queue', 'list'], ids)
    expect(none).toMatchObject({ code: 78, stdout: '' })
    expect(await estafeta(['frobnicate'])).toMatchObject({ code: 64, stdout: '' })
    expect(await runBin('estafeta', [], ids)).toMatchObject({ code: 64 })
    expect(await runBin('estafeta', ['--help'], ids)).toMatchObject({ code: 0, stderr: '' })
    expect(await runBin('estafeta', ['--version'], ids)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    })
  })

  test('a second server on the same data folder is told so; the first goes on', async () => {
    await serve()
    const second = await estafeta(['serve'])
    expect(second.code).not.toBe(0)
    expect(second.stderr).toMatch(/another|in use|lock/i)
    expect((await estafeta(['sessions'])).code).toBe(0)
  })
})
