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
import { encodeFieldValue } from '../message/encoded-word.ts'
import { fieldsEnd, formatField, parseHeader } from '../message/header.ts'
import { type LocalEnvelope, submitLocally, verifyLocally } from '../pipeline/local-client.ts'
import { dropInPickup } from '../pipeline/pickup.ts'
import { CliError, EX, findConfig } from './context.ts'
import { printQueue } from './mailq.ts'
import { checkAliases } from './newaliases.ts'
import { print } from './output.ts'
import { FLAGS, type Flags, readFlags } from './sendmail-flags.ts'

/** Where the server listens and what completes addresses. */
interface Local {
  readonly data: string
  /** '' leaves that to the server. */
  readonly origin: string
}

/** What is taken for granted where the configuration, which may hold a password, may not be read. */
const USUAL: Local = { data: '/var/lib/estafeta', origin: '' }

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
          return void (await queue().parseAsync(['flush', ...flags.flush], { from: 'user' }))
        }
        if (flags.mode === 'verify') return verify(flags, findLocal())
        await send(flags, findLocal())
      })
  )
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
  const named = [...(flags.fromHeader ? headerRecipients(block) : []), ...flags.recipients.flatMap(addressesIn)]
  if (named.length === 0)
    throw new CliError(flags.fromHeader ? 'no recipients in the header' : 'no recipients named', EX.usage)
  const { recipients, wrong } = completeAll(named, local.origin)
  // one of them keeps no other from getting the mail
  if (recipients.length === 0) throw new CliError(wrong.join('\n'), EX.usage)
  const sender = senderOf(flags, local)
  const content = flags.fullName === null ? message : nameSender(message, block, flags.fullName, sender)
  const envelope = { sender, recipients, notify: flags.notify, ret: flags.ret, envid: flags.envid }
  const answer = await submitLocally(socketPath(local.data, 'submit'), envelope, content)
  if (answer.kind === 'down') leaveInPickup(local, envelope, content, 'the server is down')
  else if (answer.kind === 'refused') {
    if (answer.code >= 500) throw new CliError(answer.text, EX.unavailable)
    leaveInPickup(local, envelope, content, answer.text)
  } else if (answer.refused.length > 0) throw new CliError([...wrong, ...answer.refused].join('\n'), EX.unavailable)
  if (wrong.length > 0) throw new CliError(wrong.join('\n'), EX.data)
}

/** What the server cannot take now it takes later: few callers, and not cron, would try again. */
function leaveInPickup({ data }: Local, envelope: LocalEnvelope, content: Buffer, why: string): void {
  try {
    dropInPickup(data, envelope, content)
  } catch (thrown) {
    throw new CliError(`${why}; the pickup folder takes nothing either: ${(thrown as Error).message}`, EX.tempFail)
  }
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
  sender === '' || sender === '<>' ? '' : complete(sender ?? callerName(), origin)

function callerName(): string {
  try {
    return userInfo().username
  } catch {
    throw new CliError(`the user ${process.getuid?.()} has no name: say by -f who sends`, EX.noUser)
  }
}

/** -bv: would the server take mail for these? Nothing is sent. */
async function verify(flags: Flags, local: Local): Promise<void> {
  if (flags.recipients.length === 0) throw new CliError('no recipients named', EX.usage)
  const entries = flags.recipients
    .flatMap(addressesIn)
    .map((named) => ({ named, ...completeAll([named], local.origin) }))
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

/** CRLF line ends, whatever came in: a carriage return alone, as progress bars have it, ends a line too. No mail may hold a NUL. */
export function endLines(input: Buffer): Buffer {
  const text = input
    .toString('latin1')
    .replaceAll('\0', '')
    .replace(/\r+\n?|\n/g, '\r\n')
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

export function headerRecipients(block: Buffer): string[] {
  const view = parseHeader(block)
  const again = view.fields.some(({ name }) => /^resent-/i.test(name)) ? 'resent-' : ''
  return ['to', 'cc', 'bcc'].flatMap((name) => view.all(again + name)).flatMap(addressesIn)
}

/** Those of a list, groups taken apart; one without a domain is completed later, and told of when it is none. */
export function addressesIn(list: string): string[] {
  return parseAddressList(list, Infinity).flatMap(({ name, mailbox, host }) => {
    if (mailbox === null || host === null) return []
    return [mailbox === '' ? (name ?? '') : formatAddress({ local: mailbox, domain: host, original: '' })]
  })
}

function complete(text: string, origin: string): string {
  const bare = text.trim().replace(/^<|>$/g, '')
  const named = bare.lastIndexOf('@') > bare.lastIndexOf('"')
  const parsed = parseAddress(named ? bare : `${bare}@${origin || 'localhost'}`)
  if (!parsed.ok) throw new CliError(`'${text}': ${parsed.error}`, EX.usage)
  return formatAddress(named || origin !== '' ? parsed.value : { ...parsed.value, domain: '' })
}

function nameSender(message: Buffer, block: Buffer, name: string, sender: string): Buffer {
  if (parseHeader(block).get('from') !== null) return message
  const from = `"${name.replace(/["\\]/g, '\\$&')}" <${sender}>`
  return Buffer.concat([formatField('From', encodeFieldValue('From', from)), message])
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
