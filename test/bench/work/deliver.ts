// Accepting 4 KiB messages and delivering them into 100 Maildirs, every file synced, until the queue is empty; with SPF, DKIM and DMARC too.
import { generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dkimSign } from 'mailauth/lib/dkim/sign.js'
import { type DnsServer, startDnsServer } from '../../kit/dns-server.ts'
import { freePort } from '../../kit/free-port.ts'
import { type Context, place, type Work } from '../context.ts'
import { freshFileSystem } from '../file-system.ts'
import { startMeasuredDovecot, startMeasuredPostfix } from '../peer.ts'
import type { Figure } from '../report.ts'
import { MAIL_UID, type Measured, startEstafeta, USERS, writeUsers } from '../server.ts'
import { type Load, type LoadResult, NODE_WARM_UP, runLoad, WARM_UP, warmUp } from '../smtp-load.ts'

const LOAD: Load = { sessions: 10, messages: 2000, size: 4096, kept: false, to: 'user@peer.test', number: true }

/** The running number before the recipient, by its last two digits, as one of the 100 users. */
const RULES = ['/^([0-9])user@peer\\.test$/ m0$1@peer.test', '/^[0-9]*([0-9][0-9])user@peer\\.test$/ m$1@peer.test']

/** Mail of a domain with SPF, DKIM and DMARC, and the name server that says so. */
interface Checked {
  readonly message: string
  readonly dns: DnsServer
}

interface Result extends LoadResult {
  /** All that must lie in the Maildirs afterwards. */
  readonly sent: number
}

type Server = 'ours' | 'checked' | 'virtual' | 'lmtp'

export const deliver: Work = {
  name: 'deliver',
  description: 'accept 4 KiB messages and deliver them into 100 Maildirs',
  async run(context) {
    const folder = place(context, 'deliver')
    const checked = await signedMail(folder)
    const measure: { readonly [server in Server]: (path: string) => Promise<Result> } = {
      ours: (path) => measureOurs(path, null),
      checked: (path) => measureOurs(path, checked),
      virtual: measureVirtual,
      lmtp: measureLmtp,
    }
    const results: { readonly [server in Server]: LoadResult[] } = { ours: [], checked: [], virtual: [], lmtp: [] }
    for (let round = 1; round <= context.rounds; round++)
      for (const server of Object.keys(results) as Server[]) {
        const result = await onFreshDisk(context, folder, `${server}-${round}`, measure[server])
        results[server].push(result)
        const { donePerSecond, cpuUs } = result
        context.say(`deliver, round ${round}, ${server}: ${donePerSecond.toFixed(0)}/s (${cpuUs.toFixed(0)} µs CPU)`)
      }
    await checked.dns.close()
    return figuresOf(results)
  },
}

function figuresOf(results: { readonly [server in Server]: LoadResult[] }): Figure[] {
  const compare = (work: string, ours: Server, theirs: Server, peer: string, ratio: number): Figure[] => {
    const of = (key: keyof LoadResult) => ({
      ours: results[ours].map((r) => r[key]),
      theirs: results[theirs].map((r) => r[key]),
    })
    return [
      { ...of('donePerSecond'), work, unit: 'messages/s', peer, better: 'higher', target: { ratio } },
      { ...of('cpuUs'), work: '  CPU a message', unit: 'µs', peer, better: 'lower' },
    ]
  }
  return [
    ...compare('accept and deliver into 100 Maildirs, s=10', 'ours', 'virtual', 'Postfix virtual(8)', 2.5),
    ...compare('accept and deliver into 100 Maildirs, s=10', 'ours', 'lmtp', 'Postfix, LMTP, Dovecot', 5),
    ...compare('with SPF, DKIM and DMARC checked', 'checked', 'virtual', 'Postfix virtual(8), no checks', 1.2),
  ]
}

async function onFreshDisk(
  context: Context,
  folder: string,
  name: string,
  measure: (path: string) => Promise<Result>,
): Promise<Result> {
  const disk = freshFileSystem(folder, name)
  if (!disk.fresh) context.say('no loop device: measured in a plain folder')
  try {
    const result = await measure(disk.path)
    const delivered = mailOf(disk.path).length
    if (delivered !== result.sent) throw new Error(`${name}: ${delivered} messages in Maildirs, not ${result.sent}`)
    return result
  } finally {
    disk.remove()
  }
}

/** After the warm-up, so that threads have started and code is compiled. */
async function measureWarm(server: Measured, port: number, load: Load, before: number): Promise<Result> {
  await warmUp(server, port, load, before)
  return { ...(await runLoad(server, port, load)), sent: before + load.messages }
}

async function measureOurs(path: string, checked: Checked | null): Promise<Result> {
  const port = await freePort()
  writeUsers(join(path, 'data'))
  writeFileSync(join(path, 'virtual'), RULES.map((rule) => `${rule}\n`).join(''), { mode: 0o644 })
  const server = await startEstafeta(
    path,
    {
      listen: { smtp: [`127.0.0.1:${port}`] },
      plugins: {
        'virtual-users': { maps: ['regexp:virtual'] },
        ...(checked ? { 'spf-dkim-dmarc': { enabled: true } } : {}),
      },
      ...(checked ? { networks: [], dns: { servers: [checked.dns.address] } } : {}),
    },
    [port],
  )
  try {
    const result = await measureWarm(server, port, checked ? { ...LOAD, file: checked.message } : LOAD, NODE_WARM_UP)
    if (checked) assertChecked(join(path, 'data'))
    return result
  } finally {
    await server.stop()
  }
}

async function measureVirtual(path: string): Promise<Result> {
  const server = await startMeasuredPostfix({
    folder: path,
    mailboxes: USERS.map((name) => `${name}@peer.test`),
    main: {
      ...aliases(path),
      virtual_uid_maps: `static:${MAIL_UID}`,
      virtual_gid_maps: `static:${MAIL_UID}`,
    },
  })
  try {
    return await measureWarm(server, server.postfix.port, LOAD, WARM_UP)
  } finally {
    await server.stop()
  }
}

async function measureLmtp(path: string): Promise<Result> {
  const dovecot = await startMeasuredDovecot({
    mailLocation: `maildir:${path}/mail/%n`,
    extra: 'auth_username_format = %Ln',
  })
  const postfix = await startMeasuredPostfix({
    folder: path,
    main: {
      ...aliases(path),
      virtual_mailbox_domains: 'peer.test',
      virtual_transport: `lmtp:inet:127.0.0.1:${dovecot.dovecot.lmtp}`,
    },
  })
  try {
    const both = { ...postfix, pids: [...postfix.pids, ...dovecot.pids] }
    return await measureWarm(both, postfix.postfix.port, LOAD, WARM_UP)
  } finally {
    await postfix.stop()
    await dovecot.stop()
  }
}

function aliases(path: string): { readonly virtual_alias_maps: string } {
  writeFileSync(join(path, 'alias.pcre'), RULES.map((rule) => `${rule}\n`).join(''))
  return { virtual_alias_maps: `pcre:${join(path, 'alias.pcre')}` }
}

async function signedMail(folder: string): Promise<Checked> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const text = [
    'From: sender@client.test',
    'To: user@peer.test',
    'Subject: signed',
    'Date: Sun, 22 Nov 2026 10:00:00 +0000',
    'Message-ID: <signed@client.test>',
    '',
    ...Array.from({ length: LOAD.size / 80 }, () => 'x'.repeat(78)),
    '',
  ].join('\r\n')
  const signer = {
    signingDomain: 'client.test',
    selector: 'bench',
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
  // its types want the signer here, its code there
  const options = { canonicalization: 'relaxed/relaxed', ...signer, signatureData: [signer] }
  const { signatures } = await dkimSign(text, options)
  const key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  const dns = await startDnsServer({
    'client.test': { TXT: ['v=spf1 ip4:127.0.0.1 -all'], A: ['127.0.0.1'] },
    'bench._domainkey.client.test': { TXT: [`v=DKIM1; k=rsa; p=${key}`] },
    '_dmarc.client.test': { TXT: ['v=DMARC1; p=reject'] },
  })
  const message = join(folder, 'signed.eml')
  // smtp-source ends each line by CR LF itself
  writeFileSync(message, `${signatures.trimEnd()}\r\n${text}`.replaceAll('\r\n', '\n'))
  return { message, dns }
}

/** Paths of all messages in Maildirs below a folder. */
const mailOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && /\/(new|cur)$/.test(file.parentPath))
    .map((file) => join(file.parentPath, file.name))

/** A figure for checks that were not made would be worth nothing. */
function assertChecked(data: string): void {
  const [mail] = mailOf(data)
  const text = mail === undefined ? '' : readFileSync(mail, 'latin1')
  const results = /^Authentication-Results:(?:.*\r?\n[ \t])*.*/m.exec(text)?.[0] ?? ''
  for (const result of ['spf=pass', 'dkim=pass', 'dmarc=pass'])
    if (!results.includes(result)) throw new Error(`no ${result} in the delivered message: ${results || 'no results'}`)
}
