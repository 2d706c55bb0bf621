// estafeta explain: a dry run of an envelope and a message through every hook. Nothing is queued, sent or remembered.
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { systemClock } from '../base/clock.ts'
import { isIP } from '../base/ip.ts'
import type { Directory } from '../directory/directory.ts'
import { formatAddress, parseAddress } from '../message/address.ts'
import { replyLine } from '../message/reply.ts'
import { createNetworks } from '../net/networks.ts'
import { expandRecipient, KnownRecipients } from '../pipeline/expand.ts'
import type { Defer, Discard, Identity, Reject, SessionFacts, Verdict } from '../plugin/contract.ts'
import {
  type FakeEnvelope,
  fakeAddress,
  fakeMessage,
  fakeQueued,
  fakeQueuedRecipient,
  fakeTransaction,
} from '../plugin/fakes.ts'
import type { HookRunner, HookTrace, RcptDecision } from '../plugin/generation.ts'
import type { QueuedRecipient } from '../queue/queue.ts'
import { actAsServer } from './as-server.ts'
import { CliError, EX, loadFound } from './context.ts'
import { type DryRun, openDryRun } from './dry-run.ts'
import { print, printJson } from './output.ts'

interface ExplainOptions {
  readonly from: string
  readonly to: readonly string[]
  readonly ip: string
  readonly helo: string
  readonly auth?: string
  readonly service?: string
  readonly json?: true
}

/** One question that a server would put to its plugins. */
interface Step {
  readonly hook: string
  readonly about: string
  readonly answers: HookTrace[]
  /** What the host makes of the answers. */
  outcome: string
}

export function build(): Command {
  return new Command('explain')
    .requiredOption('--from <address>', "reverse-path; '' is the null one")
    .requiredOption('--to <address...>', 'recipients')
    .requiredOption('--ip <address>', "the client's")
    .option('--helo <name>', 'what the client calls itself', 'client.example.net')
    .option('--auth <user>', 'as if this user had logged in')
    .option('--service <name>', 'smtp, submission, lmtp …; submission with --auth, else smtp')
    .option('--json', 'as JSON')
    .argument('[message]', 'a file with the message, or - for standard input; a short one is made up')
    .action(explain)
}

async function explain(message: string | undefined, options: ExplainOptions): Promise<void> {
  checkOptions(options)
  const text = message === undefined ? madeUp(options) : readFileSync(message === '-' ? 0 : message)
  const loaded = loadFound()
  await actAsServer(loaded.site)
  const dryRun = await openDryRun(loaded)
  try {
    const steps = await walk(dryRun, options, text)
    if (options.json) printJson(steps)
    else for (const step of steps) print(formatStep(step))
  } finally {
    await dryRun.close()
  }
}

function checkOptions({ from, to, ip }: ExplainOptions): void {
  if (isIP(ip) === 0) throw new CliError(`--ip wants an IP address, not '${ip}'`, EX.usage)
  for (const address of [...(from === '' ? [] : [from]), ...to]) {
    const parsed = parseAddress(address)
    if (!parsed.ok && address.toLowerCase() !== 'postmaster')
      throw new CliError(`'${address}' is no mail address: ${parsed.error}`, EX.usage)
  }
}

const madeUp = ({ from, to }: ExplainOptions): string =>
  `From: <${from}>\nTo: ${to.map((address) => `<${address}>`).join(', ')}\nSubject: Dry run\n\nA dry run.\n`

// ---------------------------------------------------------------- the walk

async function walk(
  { generation, directory }: DryRun,
  options: ExplainOptions,
  text: string | Buffer,
): Promise<Step[]> {
  const steps: Step[] = []
  const hooks = generation.dryRun((trace, { rcpt }) => {
    steps.at(-1)!.answers.push(rcpt === undefined ? trace : { ...trace, rcpt })
  })
  const step = async <T>(
    hook: string,
    about: string,
    ask: () => T | Promise<T>,
    tell: (answer: T) => string,
  ): Promise<T> => {
    const one: Step = { hook, about, answers: [], outcome: '' }
    steps.push(one)
    const answer = await ask()
    one.outcome = tell(answer)
    return answer
  }
  const { site } = generation
  const identity = options.auth === undefined ? null : identityOf(directory, options.auth)
  const envelope = envelopeOf(options, createNetworks(site.networks).contains(options.ip), identity)
  const transaction = fakeTransaction({ ...envelope, to: [] }, site, systemClock)
  const { session } = transaction
  const before = { ...session, helo: null, identity: null }

  if (stops(await step('connect', `${options.ip} to ${session.service}`, () => hooks.connect(before), tellVerdict)))
    return steps
  if (stops(await step('helo', options.helo, () => hooks.helo({ ...session, identity: null }), tellVerdict)))
    return steps
  if (stops(await step('mail', `<${options.from}>`, () => hooks.mail(transaction), tellVerdict))) return steps
  const accepted: Extract<RcptDecision, { kind: 'accept' }>[] = []
  for (const to of options.to) {
    const recipient = { address: fakeAddress(to), notify: [], orcpt: null }
    const so = { ...transaction, recipients: accepted.map((one) => one.recipient) }
    const decision = await step('rcpt', `<${to}>`, () => hooks.rcpt(so, recipient), tellRcpt)
    if (decision.kind === 'accept') accepted.push(decision)
  }
  if (accepted.length === 0) return steps
  const recipients = accepted.map((one) => one.recipient)
  if (stops(await step('data', '', () => hooks.data({ ...transaction, recipients }), tellVerdict))) return steps
  const received = { ...fakeMessage(text, envelope, site, systemClock), ...transaction, recipients }
  let left = recipients.map((_, i) => i)
  for (const hook of ['message', 'queued'] as const) {
    if (!hooks.has(hook)) continue
    const { all, perRecipient, quarantine, score } = await step(
      hook,
      `${received.size} octets`,
      () => hooks.message(hook, received),
      (decision) => (decision.all ? tellRefusal(decision.all) : 'goes on'),
    )
    const last = steps.at(-1)!
    for (const i of left)
      if (perRecipient[i])
        last.outcome += `; <${formatAddress(recipients[i]!.address)}> ${tellRefusal(perRecipient[i]!)}`
    if (quarantine !== null) last.outcome += `; quarantined: ${quarantine}`
    if (score !== 0) last.outcome += `; score ${score}`
    if (all) return steps
    left = left.filter((i) => !perRecipient[i])
  }
  for (const i of left) await dispatch(hooks, steps, formatAddress(recipients[i]!.address), envelope)
  return steps
}

/** What becomes of an accepted recipient: what it stands for, and where each of those goes. */
async function dispatch(hooks: HookRunner, steps: Step[], address: string, envelope: FakeEnvelope): Promise<void> {
  const queued = fakeQueued(envelope, systemClock)
  const recipient = fakeQueuedRecipient(address, envelope)
  const expand: Step = { hook: 'expand', about: `<${address}>`, answers: [], outcome: 'stands for itself' }
  steps.push(expand)
  let targets: readonly QueuedRecipient[] = [recipient]
  const expansion = await expandRecipient(recipient, queued, hooks, new KnownRecipients([], hooks))
  if (expansion.kind === 'failed' || expansion.kind === 'deferred') {
    const { kind, reply, detail } = expansion
    expand.outcome = kind === 'failed' ? `bounces: ${replyLine(reply)}` : `deferred: ${detail}`
    return
  }
  if (expansion.kind === 'into') {
    targets = expansion.into.map((one, n) => ({ ...recipient, ...one, n }))
    expand.outcome =
      targets.length === 0
        ? 'dropped'
        : `stands for ${targets.map(({ address: to }) => `<${formatAddress(to)}>`).join(', ')}`
  }
  for (const target of targets) {
    const step: Step = { hook: 'route', about: `<${formatAddress(target.address)}>`, answers: [], outcome: '' }
    steps.push(step)
    const hop = await hooks.route(target, queued)
    if (hop === null) step.outcome = 'bounces: nobody routes it'
    else if ('kind' in hop) step.outcome = `${hop.kind === 'reject' ? 'bounces' : 'deferred'}: ${replyLine(hop.reply)}`
    else step.outcome = `courier ${hop.courier}, destination ${hop.destination}`
  }
}

function envelopeOf(
  { from, to, ip, helo, service }: ExplainOptions,
  trusted: boolean,
  identity: Identity | null,
): FakeEnvelope {
  return {
    from,
    to,
    ip,
    helo,
    trusted,
    service: service ?? (identity === null ? 'smtp' : 'submission'),
    ...(identity === null ? {} : { user: identity, tls: TLS }),
    dryRun: true,
  }
}

/** Who a login would be; system users and others that the directory does not know are taken by their name. */
function identityOf(directory: Directory, login: string): Identity {
  const user = directory.user(login)
  const account = user?.account ?? login
  const { addresses = [], sendAs = [] } = user ?? {}
  return { account, authcid: login, authzid: account, addresses: [account, ...addresses, ...sendAs] }
}

/** A login is taken over TLS only. */
const TLS: NonNullable<SessionFacts['tls']> = {
  version: 'TLSv1.3',
  cipher: 'TLS_AES_256_GCM_SHA384',
  serverName: null,
  clientSubject: null,
  clientFingerprint: null,
}

const stops = (verdict: Verdict): boolean => verdict.kind !== 'pass'

const tellVerdict = (verdict: Verdict): string => (verdict.kind === 'pass' ? 'goes on' : replyLine(verdict.reply))

function tellRcpt(decision: RcptDecision): string {
  if (decision.kind !== 'accept') return replyLine(decision.reply)
  return `accepted (${decision.as}) as <${formatAddress(decision.recipient.address)}>`
}

const tellRefusal = (verdict: Reject | Defer | Discard): string =>
  verdict.kind === 'discard' ? 'accepted and dropped' : replyLine(verdict.reply)

// ---------------------------------------------------------------- for people

function formatStep({ hook, about, answers, outcome }: Step): string {
  const head = `${hook}${about === '' ? '' : ` ${about}`}`
  return [head, ...answers.flatMap(formatAnswer), `  → ${outcome}`].join('\n')
}

function formatAnswer({ plugin, stage, verdict, ms, detail, reply, edits }: HookTrace): string[] {
  const said = reply ? replyLine(reply) : ''
  const why = said.endsWith(detail) ? said : [said, detail].filter((part) => part !== '').join('  ')
  const line = `  ${plugin.padEnd(16)} ${stage.padEnd(6)} ${verdict.padEnd(11)} ${`${ms.toFixed(1)} ms`.padStart(9)}  ${why}`
  return [line.trimEnd(), ...edits.map(({ name, value }) => `      + ${name}: ${value.replace(/\s*\r?\n\s*/g, ' ')}`)]
}
