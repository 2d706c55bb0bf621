// sendmail: takes a message from standard input as programs expect of /usr/sbin/sendmail.
import { accessSync, constants } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { userInfo } from 'node:os'
import { Transform } from 'node:stream'
import { Command } from 'commander'
import { socketPath } from '../base/socket-path.ts'
import { loadConfig } from '../config/load.ts'
import { ConfigError } from '../config/problems.ts'
import { formatAddress, parseAddress } from '../message/address.ts'
import { parseAddressList } from '../message/address-list.ts'
import { findBodyStart } from '../message/content.ts'
import { fieldsEnd, formatField, parseHeader } from '../message/header.ts'
import { submitLocally, verifyLocally } from '../pipeline/local-client.ts'
import { dropInPickup } from '../pipeline/pickup.ts'
import { CliError, EX, findConfig } from './context.ts'
import { printQueue } from './mailq.ts'
import { checkAliases } from './newaliases.ts'
import { print } from './output.ts'

interface Flags {
  mode: 'send' | 'verify' | 'smtp' | 'queue' | 'aliases' | 'flush'
  fromHeader: boolean
  ignoreDots: boolean
  sender: string | null
  fullName: string | null
  notify: string | null
  ret: string | null
  envid: string | null
  recipients: string[]
}

/** Where the server listens and what completes addresses. */
interface Local {
  readonly data: string
  /** '' leaves that to the server. */
  readonly origin: string
}

/** What is taken for granted where the configuration, which may hold a password, may not be read. */
const USUAL: Local = { data: '/var/lib/estafeta', origin: '' }

const FLAGS = `
Flags:
  -t              recipients are those of To, Cc and Bcc; Bcc is taken out
  -i, -oi         a line with a single dot does not end the message
  -f, -r <addr>   the sender; '<>' for none, the caller when left out
  -F <name>       the sender's name, where the message has no From
  -N <conditions> when to report delivery: never, or failure, delay, success
  -R full|hdrs    what reports bring back
  -V <id>         an envelope id for reports
  -bv             say of each recipient whether mail for it is taken
  -bs             speak SMTP on standard input and output
  -bp             list the queue, as mailq
  -bi, -I         check the alias file, as newaliases
  -q              try again now what waits
Others of the traditional flags are taken and ignored.`

export function build(): Command {
  return (
    new Command('sendmail')
      .allowUnknownOption()
      .allowExcessArguments()
      // -h is a flag of its own: a hop count
      .helpOption('--help', 'display help for command')
      .addHelpText('after', FLAGS)
      .argument('[arg...]', 'flags and recipients')
      .action(async (args: string[]) => {
        const flags = readFlags(args)
        if (flags.mode === 'queue') return printQueue()
        if (flags.mode === 'aliases') return checkAliases()
        if (flags.mode === 'smtp') return speakSmtp(findLocal())
        if (flags.mode === 'flush') {
          const { build: queue } = await import('./queue.ts')
          return void (await queue().parseAsync(['flush'], { from: 'user' }))
        }
        if (flags.mode === 'verify') return verify(flags, findLocal())
        await send(flags, findLocal())
      })
  )
}

/** Flags with their value attached or following, as the traditional command takes them. */
export function readFlags(args: readonly string[]): Flags {
  const flags: Flags = {
    mode: 'send',
    fromHeader: false,
    ignoreDots: false,
    sender: null,
    fullName: null,
    notify: null,
    ret: null,
    envid: null,
    recipients: [],
  }
  let i = 0
  const value = (arg: string): string => {
    if (arg.length > 2) return arg.slice(2)
    const next = args[++i]
    if (next === undefined) throw new CliError(`option ${arg} wants a value`, EX.usage)
    return next
  }
  for (; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') {
      flags.recipients.push(...args.slice(i + 1))
      break
    }
    if (!arg.startsWith('-') || arg === '-') flags.recipients.push(arg)
    else if (arg === '-bs') flags.mode = 'smtp'
    else if (arg === '-bv') flags.mode = 'verify'
    else if (arg === '-bp') flags.mode = 'queue'
    else if (arg === '-bi' || arg === '-I') flags.mode = 'aliases'
    else if (arg === '-bm' || arg === '-G' || arg === '-U' || arg === '-v' || arg === '-n' || arg === '-m') continue
    else if (arg.startsWith('-q')) flags.mode = 'flush'
    else if (arg === '-t') flags.fromHeader = true
    else if (arg === '-i' || arg === '-oi') flags.ignoreDots = true
    else if (arg === '-ti' || arg === '-it') flags.fromHeader = flags.ignoreDots = true
    else if (arg.startsWith('-f') || arg.startsWith('-r')) flags.sender = value(arg)
    else if (arg.startsWith('-F')) flags.fullName = value(arg)
    else if (arg.startsWith('-N')) flags.notify = value(arg)
    else if (arg.startsWith('-R')) flags.ret = value(arg)
    else if (arg.startsWith('-V')) flags.envid = value(arg)
    else if (/^-[BCOXLhp]/.test(arg)) value(arg)
    else if (arg.startsWith('-o') || arg.startsWith('-d') || arg.startsWith('-e')) continue
    else if (arg === '-bd') throw new CliError("the server is started by 'estafeta serve'", EX.usage)
    else throw new CliError(`unknown option ${arg}`, EX.usage)
  }
  return flags
}

function findLocal(): Local {
  const file = findOrNull()
  if (file === null || !isReadable(file)) return USUAL
  try {
    return loadConfig({ path: file }).site
  } catch (thrown) {
    // what is wrong with other settings keeps nobody from handing mail in
    if (thrown instanceof ConfigError && thrown.draft !== null) return thrown.draft.loaded.site
    throw thrown
  }
}

function findOrNull(): string | null {
  try {
    return findConfig()
  } catch {
    return null
  }
}

/** A file that is not there is told of by whoever loads it. */
function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code !== 'EACCES'
  }
}

async function send(flags: Flags, local: Local): Promise<void> {
  const message = withHeader(endLines(cutAtDot(await readInput(), flags.ignoreDots)))
  const block = message.subarray(0, findBodyStart(message))
  const named = flags.fromHeader ? [...headerRecipients(block), ...flags.recipients] : flags.recipients
  if (named.length === 0)
    throw new CliError(flags.fromHeader ? 'no recipients in the header' : 'no recipients named', EX.usage)
  const { recipients, wrong } = completeAll(named, local.origin)
  // one of them keeps no other from getting the mail
  if (recipients.length === 0) throw new CliError(wrong.join('\n'), EX.usage)
  const sender = senderOf(flags, local)
  const content = flags.fullName === null ? message : nameSender(message, block, flags.fullName, sender)
  const envelope = { sender, recipients, notify: flags.notify, ret: flags.ret, envid: flags.envid }
  const answer = await submitLocally(socketPath(local.data, 'submit'), envelope, content)
  if (answer.kind === 'down') {
    try {
      dropInPickup(local.data, envelope, content)
    } catch (thrown) {
      throw new CliError(
        `the server is down and the pickup folder takes nothing: ${(thrown as Error).message}`,
        EX.tempFail,
      )
    }
  } else if (answer.kind === 'refused')
    throw new CliError(answer.text, answer.code >= 500 ? EX.unavailable : EX.tempFail)
  else if (answer.refused.length > 0) throw new CliError([...wrong, ...answer.refused].join('\n'), EX.unavailable)
  if (wrong.length > 0) throw new CliError(wrong.join('\n'), EX.data)
}

function completeAll(named: readonly string[], origin: string): { recipients: string[]; wrong: string[] } {
  const recipients: string[] = []
  const wrong: string[] = []
  for (const text of named) {
    try {
      recipients.push(complete(text, origin))
    } catch (thrown) {
      wrong.push((thrown as Error).message)
    }
  }
  return { recipients, wrong }
}

const senderOf = ({ sender }: Flags, { origin }: Local): string =>
  sender === '' || sender === '<>' ? '' : complete(sender ?? userInfo().username, origin)

/** -bv: would the server take mail for these? Nothing is sent. */
async function verify(flags: Flags, local: Local): Promise<void> {
  if (flags.recipients.length === 0) throw new CliError('no recipients named', EX.usage)
  const entries = flags.recipients.map((named) => ({ named, ...completeAll([named], local.origin) }))
  const addresses = entries.flatMap(({ recipients }) => recipients)
  const replies = await verifyLocally(socketPath(local.data, 'submit'), senderOf(flags, local), addresses)
  if (replies === null) throw new CliError('the server is down', EX.tempFail)
  let next = 0
  let worst: number = EX.ok
  const lines = entries.map(({ named, recipients: [address], wrong }) => {
    const reply = address === undefined ? { code: 553, text: wrong.join(' ') } : replies[next++]!
    if (reply.code >= 500) worst = EX.noUser
    else if (reply.code >= 400 && worst === EX.ok) worst = EX.tempFail
    return `${address ?? named}... ${reply.code < 300 ? 'deliverable' : `${reply.code} ${reply.text}`}`
  })
  print(lines.join('\n'))
  process.exitCode = worst
}

async function readInput(): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) parts.push(chunk)
  return Buffer.concat(parts)
}

/** A line with a single dot ends the message unless -i was given. */
function cutAtDot(input: Buffer, ignore: boolean): Buffer {
  if (ignore) return input
  if (input.length >= 2 && input[0] === 46 && (input[1] === 10 || input[1] === 13)) return input.subarray(0, 0)
  for (const end of ['\n.\n', '\n.\r\n']) {
    const at = input.indexOf(end)
    if (at >= 0) return input.subarray(0, at + 1)
  }
  return input
}

/** CRLF line ends, whatever came in. */
function endLines(input: Buffer): Buffer {
  const text = input.toString('latin1').replace(/\r?\n/g, '\r\n')
  return Buffer.from(text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`, 'latin1')
}

/** The body begins where the header ends, empty line or not (`echo full | sendmail root`); a mailbox's `From ` line goes. */
export function withHeader(message: Buffer): Buffer {
  const start = message.toString('latin1', 0, 5) === 'From ' ? message.indexOf('\r\n') + 2 : 0
  const rest = message.subarray(start)
  const block = rest.subarray(0, findBodyStart(rest))
  const end = fieldsEnd(parseHeader(block))
  return end === block.length ? rest : Buffer.concat([rest.subarray(0, end), Buffer.from('\r\n'), rest.subarray(end)])
}

function headerRecipients(block: Buffer): string[] {
  const view = parseHeader(block)
  const fields = view.get('resent-to') === null ? ['to', 'cc', 'bcc'] : ['resent-to', 'resent-cc', 'resent-bcc']
  return fields.flatMap((name) => view.all(name)).flatMap(addressesIn)
}

/** Addresses of one field, groups taken apart; one without a domain is completed later. */
const addressesIn = (value: string): string[] =>
  parseAddressList(value).flatMap((a) =>
    a.mailbox === null || a.host === null ? [] : [a.host === '' ? a.mailbox : `${a.mailbox}@${a.host}`],
  )

function complete(text: string, origin: string): string {
  const bare = text.trim().replace(/^<|>$/g, '')
  const named = bare.includes('@')
  const parsed = parseAddress(named ? bare : `${bare}@${origin || 'localhost'}`)
  if (!parsed.ok) throw new CliError(`'${text}': ${parsed.error}`, EX.usage)
  return formatAddress(named || origin !== '' ? parsed.value : { ...parsed.value, domain: '' })
}

function nameSender(message: Buffer, block: Buffer, name: string, sender: string): Buffer {
  if (parseHeader(block).get('from') !== null) return message
  return Buffer.concat([formatField('From', `"${name.replace(/["\\]/g, '\\$&')}" <${sender}>`), message])
}

/** -bs: SMTP on standard input and output, spoken by the server itself. */
function speakSmtp(local: Local): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(socketPath(local.data, 'submit'))
    socket.on('error', (error) => reject(new CliError(`cannot reach the server: ${error.message}`, EX.tempFail)))
    socket.on('close', () => {
      process.stdin.destroy()
      resolve()
    })
    process.stdin.pipe(crlf()).pipe(socket)
    socket.pipe(process.stdout)
  })
}

/** Line ends as SMTP has them, whatever came in. */
function crlf(): Transform {
  let afterCr = false
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const text = (afterCr ? '\r' : '') + chunk.toString('latin1')
      const out = text.replace(/\r?\n/g, '\r\n').slice(afterCr ? 1 : 0)
      afterCr = text.endsWith('\r')
      done(null, Buffer.from(out, 'latin1'))
    },
  })
}
