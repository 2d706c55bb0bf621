// estafeta conformance: runs a suite of protocol checks against any mail server and reports; exits 0, 1 or 2.
import { readFileSync, writeFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { parse } from 'yaml'
import {
  Blocked,
  type Consent,
  createTarget,
  findSuite,
  formatJson,
  formatJunit,
  formatProgress,
  formatRunHtml,
  formatTap,
  formatText,
  hindrance,
  type Level,
  type RunReport,
  readExpectations,
  runCases,
  type Suite,
  select,
  suites,
  type TargetOptions,
  type TlsMode,
} from '../../conformance/index.ts'
import { CliError } from './context.ts'
import { formatTable, print } from './output.ts'

/** The run could not be made (a failed MUST is 1). */
const COULD_NOT_RUN = 2

interface Options {
  target?: string
  host?: string
  port?: string
  tls?: TlsMode
  user?: string
  password?: string
  passwordFile?: string
  from?: string
  rcpt?: string
  rcpt2?: string
  unknown?: string
  helo?: string
  feed?: string
  listen?: string
  dns?: string
  retryWait?: string
  consent?: (Consent | 'all')[]
  safe?: true
  filter: string[]
  exclude: string[]
  level: Level
  strict?: true
  list?: true
  dryRun?: true
  parallel: string
  caseTimeout: string
  answerTimeout?: string
  expect?: string
  json?: string
  junit?: string
  tap?: string
  html?: string
  progress: boolean
  showSkipped?: true
}

export function build(): Command {
  const names = suites.map(({ name, description }) => `${name}: ${description}`).join('; ')
  return new Command('conformance')
    .argument('<suite>', names)
    .option('--host <host>', 'the server')
    .option('--port <port>', "its port; the protocol's own by default")
    .addOption(new Option('--tls <mode>', 'how connections are secured').choices(['none', 'starttls', 'implicit']))
    .option('--target <file>', 'YAML file with host, port, tls, user, password, from, rcpt …; flags go before it')
    .option('--user <name>', 'account for the cases that log in')
    .option('--password <password>', 'its password')
    .option('--password-file <file>', 'file whose first line is the password')
    .option(
      '--from <address>',
      'a sender that the server takes (default: the account, where it is an address, else the recipient)',
    )
    .option('--rcpt <address>', 'a recipient whose mail the server takes')
    .option('--rcpt2 <address>', 'a second one')
    .option('--unknown <address>', "an address without a mailbox in a domain of the server's")
    .option('--helo <name>', 'what the client calls itself')
    .option('--feed <url>', 'smtp://host:port or lmtp://host:port, where messages for the maildrop are handed in')
    .option('--listen <address:port>', 'smtp-client: where the runner plays the server that mail is sent to')
    .option(
      '--dns <address:port>',
      "smtp-client: where it plays the name server; without it, it is the server's smarthost",
    )
    .option('--retry-wait <seconds>', 'smtp-client: how long to wait for another attempt')
    .addOption(
      new Option(
        '--consent <what...>',
        'allow what changes or burdens the server: mail (send to --rcpt), mailbox (change the account), load (big and many)',
      ).choices(['mail', 'mailbox', 'load', 'all']),
    )
    .option('--safe', 'no consent, whatever the target file says')
    .option('--filter <pattern...>', 'only these cases: ids, their beginnings, patterns with *, or sections', [])
    .option('--exclude <pattern...>', 'not these cases', [])
    .addOption(
      new Option('--level <level>', 'the weakest level to run').choices(['must', 'should', 'may']).default('may'),
    )
    .option('--strict', 'a missed SHOULD or an unexpected pass also fails')
    .option('--list', 'list the cases and end')
    .option('--dry-run', 'list what would be run, and why the rest would not')
    .option('--parallel <n>', 'cases at a time', '1')
    .option('--case-timeout <seconds>', 'time limit of a case', '60')
    .option('--answer-timeout <seconds>', 'time limit of an answer (default: 10)')
    .option('--expect <file>', 'YAML file of expected failures')
    .option('--json <file>', 'write the results as JSON; - is the standard output')
    .option('--junit <file>', 'write them as JUnit XML')
    .option('--tap <file>', 'write them as TAP')
    .option('--html <file>', 'write them as one HTML page')
    .option('--no-progress', 'no line for each case')
    .option('--show-skipped', 'list the skipped cases too')
    .action(conformance)
}

async function conformance(name: string, options: Options): Promise<void> {
  try {
    const suite = findSuite(name)
    const cases = select(suite.cases, options)
    if (options.list) return listCases(cases)
    const target = createTarget(describe(options), suite.port)
    if (options.dryRun) return listDryRun(cases, target)
    const report = await runCases(suite, target, {
      cases,
      parallel: wholeNumber(options.parallel, '--parallel'),
      caseMs: wholeNumber(options.caseTimeout, '--case-timeout') * 1000,
      strict: options.strict ?? false,
      expectations: options.expect === undefined ? null : readExpectations(options.expect),
      ...(options.progress ? { onResult: (...progress) => writeLine(formatProgress(...progress)) } : {}),
    })
    writeReports(report, options)
    process.exitCode = report.exitCode
  } catch (thrown) {
    if (thrown instanceof Blocked) throw new CliError(thrown.message, COULD_NOT_RUN)
    throw thrown
  }
}

/** Progress goes to standard error, so that a report on standard output stays whole. */
const writeLine = (text: string): void => void process.stderr.write(`${text}\n`)

/** Flags over the target file. */
function describe(options: Options): TargetOptions {
  const { host, tls, user, from, rcpt, rcpt2, unknown, helo, feed, listen, dns } = options
  const flags = { host, tls, user, from, rcpt, rcpt2, unknown, helo, feed, listen, dns }
  const file = options.target === undefined ? {} : readTarget(options.target)
  const password =
    options.passwordFile === undefined ? options.password : readText(options.passwordFile).split(/\r?\n/)[0]!
  return {
    ...file,
    ...Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined)),
    ...(options.port === undefined ? {} : { port: wholeNumber(options.port, '--port') }),
    ...(password === undefined ? {} : { password }),
    ...(options.answerTimeout === undefined
      ? {}
      : { answerSeconds: wholeNumber(options.answerTimeout, '--answer-timeout') }),
    ...(options.retryWait === undefined ? {} : { retryWaitSeconds: wholeNumber(options.retryWait, '--retry-wait') }),
    ...consentOf(options, file),
  }
}

/** What a target file allows, it allows on its own host. */
function consentOf({ consent, safe, host }: Options, file: TargetOptions): Pick<TargetOptions, 'consent'> {
  if (safe || (consent === undefined && host !== undefined && host !== file.host)) return { consent: [] }
  return consent === undefined ? {} : { consent }
}

function readTarget(path: string): TargetOptions {
  let value: unknown
  try {
    value = parse(readText(path))
  } catch (error) {
    if (error instanceof Blocked) throw error
    throw new Blocked(`${path} is not YAML: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Blocked(`${path} wants a map of keys`)
  return value as TargetOptions
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Blocked(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
}

function wholeNumber(text: string, option: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Blocked(`${option} wants a whole number above 0`)
  return Number(text)
}

function listCases(cases: Suite['cases']): void {
  const rows = cases.map(({ id, level, rfc, requirement }) => [id, level.toUpperCase(), rfc, requirement])
  print(formatTable(['Case', 'Level', 'Section', 'Requirement'], rows))
}

function listDryRun(cases: Suite['cases'], target: ReturnType<typeof createTarget>): void {
  const rows = cases.map((one) => [one.id, one.level.toUpperCase(), hindrance(one, target) ?? 'would be run'])
  print(formatTable(['Case', 'Level', 'Then'], rows))
}

function writeReport(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    throw new Blocked(`cannot write ${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
}

function writeReports(report: RunReport, options: Options): void {
  const files = [
    [options.json, formatJson],
    [options.junit, formatJunit],
    [options.tap, formatTap],
    [options.html, formatRunHtml],
  ] as const
  const wanted = files.filter(([path]) => path !== undefined)
  for (const [path, format] of wanted) {
    if (path === '-') process.stdout.write(format(report))
    else if (path !== undefined) writeReport(path, format(report))
  }
  const text = formatText(report, { skipped: options.showSkipped ?? false })
  if (wanted.some(([path]) => path === '-')) process.stderr.write(text)
  else process.stdout.write(text)
}
