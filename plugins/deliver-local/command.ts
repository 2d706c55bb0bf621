// The courier of command targets (`|command` in aliases and .forward): the message on standard input, the exit code by sysexits.
import { spawn } from 'node:child_process'
import {
  type Attempt,
  type Courier,
  contentChunks,
  formatAddress,
  type MessageContent,
  type Outcome,
  type QueuedRecipient,
  replies,
} from 'estafeta/plugin'
import { failedOutcome, originalRecipient, withDeliveryFields } from './fields.ts'
import type { TargetOptions } from './file.ts'

const MAX_OUTPUT = 4096
const EX_TEMPFAIL = 75
const EX_SOFTWARE = 70

interface Ran {
  readonly code: number
  /** The last of what it wrote. */
  readonly output: string
}

export function createCommandCourier(options: TargetOptions & { readonly limit: number }): Courier {
  const { asUser, allowed } = options

  async function deliver(attempt: Attempt, recipient: QueuedRecipient, signal: AbortSignal): Promise<Outcome> {
    const command = recipient.address.local.slice(1)
    const content = withDeliveryFields(attempt.content, recipient, null)
    const environment = environmentOf(attempt, recipient)
    if (recipient.asUser !== undefined && asUser.available) {
      return outcomeOf(recipient.n, await asUser.pipe(recipient.asUser, command, content, environment))
    }
    if (recipient.asUser !== undefined || !allowed) {
      return failedOutcome(recipient.n, 'failed', replies.accessDenied('Mail to this command is not allowed'))
    }
    return outcomeOf(recipient.n, await runCommand(command, content, environment, options, signal))
  }
  return {
    concurrency: 4,
    deliver: (attempt, signal) =>
      Promise.all(
        attempt.recipients.map((recipient) =>
          deliver(attempt, recipient, signal).catch((error) =>
            failedOutcome(recipient.n, 'deferred', error.reply ?? replies.internalError(), String(error)),
          ),
        ),
      ),
  }
}

function environmentOf({ message }: Attempt, recipient: QueuedRecipient): { [name: string]: string } {
  const original = originalRecipient(recipient) ?? ''
  return {
    SENDER: formatAddress(recipient.reversePath),
    RECIPIENT: original,
    ORIGINAL_RECIPIENT: original,
    QUEUE_ID: message.queueId,
    CLIENT_ADDRESS: message.origin.ip ?? '',
    CLIENT_HELO: message.origin.helo ?? '',
    SASL_USERNAME: message.origin.account ?? '',
  }
}

/** sysexits.h: 75 asks for another try; so does what no command says (127 not found, a signal). Other failures bounce. */
function outcomeOf(n: number, { code, output }: Ran): Outcome {
  const said = lastLine(output)
  if (code === 0) {
    return { n, kind: 'delivered', reply: replies.delivered('delivered to command'), relay: 'local', detail: said }
  }
  const text = `Command failed with code ${code}${said === '' ? '' : `: ${said}`}`
  const temporary = code === EX_TEMPFAIL || code === 126 || code === 127 || code > 128
  return temporary
    ? failedOutcome(n, 'deferred', replies.commandDeferred(text), output)
    : failedOutcome(n, 'failed', replies.commandFailed(text), output)
}

const lastLine = (output: string): string =>
  (output.trim().split('\n').at(-1) ?? '').replace(/[^\x20-\x7e]+/g, '?').slice(0, 200)

/** Runs it by the shell in a process group of its own, which ends with it, with the limit, or with `signal`. */
async function runCommand(
  command: string,
  content: MessageContent,
  environment: { readonly [name: string]: string },
  { clock, limit }: TargetOptions & { readonly limit: number },
  signal: AbortSignal,
): Promise<Ran> {
  const child = spawn('/bin/sh', ['-c', command], {
    cwd: '/',
    detached: true,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', SHELL: '/bin/sh', ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const end = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {
      // it has ended already
    }
  }
  const timer = clock.after(limit, end)
  signal.addEventListener('abort', end)
  let output = ''
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-MAX_OUTPUT)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  // a command may end without reading all of its input
  child.stdin.on('error', () => {})
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, name) => resolve(code ?? (name === null ? EX_SOFTWARE : EX_TEMPFAIL)))
  })
  try {
    for await (const chunk of contentChunks(content)) {
      if (child.stdin.destroyed) break
      if (!child.stdin.write(withLf(chunk))) {
        await Promise.race([new Promise((resolve) => child.stdin.once('drain', resolve)), ended])
      }
    }
    child.stdin.end()
    return { code: await ended, output }
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', end)
  }
}

/** Unix programs read LF. A CR that ends one chunk stays, with its LF in the next. */
const withLf = (chunk: Buffer): Buffer =>
  chunk.includes(13) ? Buffer.from(chunk.toString('latin1').replace(/\r\n/g, '\n'), 'latin1') : chunk
