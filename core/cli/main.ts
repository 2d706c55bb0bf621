// The estafeta command: finds the subcommand, loads only its file, and turns every error into a message and an exit code.
import { Command, CommanderError } from 'commander'
import { ServerDown } from '../admin/control-client.ts'
import { asFailure } from '../base/failure.ts'
import { ConfigError } from '../config/problems.ts'
import { CliError, chooseConfig, EX } from './context.ts'
import { version } from './version.ts'

type Loader = () => Promise<{ build(): Command | Promise<Command> }>

/** In the order of `estafeta --help`. */
export const SUBCOMMANDS: readonly (readonly [name: string, description: string, load: Loader])[] = [
  ['demo', 'run a whole mail site on loopback, for trying out', () => import('./demo.ts')],
  ['serve', 'run the server', () => import('./serve.ts')],
  ['check', 'check the configuration and all plugins', () => import('./check.ts')],
  ['config', 'show, compare, explain and change the configuration', () => import('./config.ts')],
  ['reload', 'have the running server read its configuration anew', () => import('./reload.ts')],
  ['queue', 'list, show, flush, hold, release, requeue, delete messages', () => import('./queue.ts')],
  ['sessions', 'who is connected now', () => import('./sessions.ts')],
  ['trace', 'what happened to a message, and why', () => import('./trace.ts')],
  ['explain', 'dry run of an envelope and message through every hook', () => import('./explain.ts')],
  ['user', 'add, remove and list users; set passwords', () => import('./user.ts')],
  ['alias', 'add, remove and list aliases', () => import('./alias.ts')],
  ['domain', 'add, remove and list domains', () => import('./domain.ts')],
  ['dkim', 'create and list DKIM keys; print their DNS records', () => import('./dkim.ts')],
  ['plugin', 'write, list and test plugins', () => import('./plugin.ts')],
  ['conformance', 'check any mail server against its RFCs', () => import('./conformance.ts')],
  ['sendmail', 'send a message as /usr/sbin/sendmail does', () => import('./sendmail.ts')],
  ['mailq', 'list the queue as mailq does', () => import('./mailq.ts')],
  ['newaliases', 'check the alias file as newaliases does', () => import('./newaliases.ts')],
]

/** These take flags in their own, older manner and see their arguments unparsed. */
const RAW = new Set(['sendmail', 'mailq', 'newaliases'])

export async function program(name: string | null): Promise<Command> {
  const root = new Command('estafeta')
    .description('A complete mail system: SMTP, submission, LMTP, POP3 and IMAP in one program')
    .version(version())
    .option('-c, --config <file>', 'configuration file')
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp({ sortSubcommands: false })
  for (const [known, description, load] of SUBCOMMANDS) {
    if (known === name) root.addCommand((await (await load()).build()).description(description))
    else root.command(known).description(description).allowUnknownOption()
  }
  for (const command of root.commands) overrideExits(command)
  return root
}

function overrideExits(command: Command): void {
  command.exitOverride()
  for (const sub of command.commands) overrideExits(sub)
}

/** Splits the program-level option off and finds the subcommand. */
function readArguments(args: readonly string[]): {
  config: string | null
  name: string | null
  rest: readonly string[]
} {
  let config: string | null = null
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--config' || arg === '-c') config = args[++i] ?? null
    else if (arg.startsWith('--config=')) config = arg.slice('--config='.length)
    else if (!arg.startsWith('-')) return { config, name: arg, rest: args.slice(i + 1) }
    else break
  }
  return { config, name: null, rest: args }
}

export async function run(args: readonly string[]): Promise<number> {
  const { config, name, rest } = readArguments(args)
  chooseConfig(config)
  try {
    if (name !== null && RAW.has(name)) {
      const loaded = SUBCOMMANDS.find(([known]) => known === name)![2]
      await (await (await loaded()).build()).parseAsync([...rest], { from: 'user' })
    } else {
      const root = await program(name)
      root.hook('preSubcommand', (command) => {
        const own = command.opts<{ config?: string }>().config
        if (own) chooseConfig(own)
      })
      if (args.length === 0) {
        process.stderr.write(root.helpInformation())
        return EX.usage
      }
      await root.parseAsync([...args], { from: 'user' })
    }
    return Number(process.exitCode ?? 0)
  } catch (thrown) {
    return report(thrown)
  }
}

/** Prints what went wrong, without a stack, and gives the exit code. */
function report(thrown: unknown): number {
  if (thrown instanceof CommanderError) {
    // help and version have been printed; anything else has printed its own message
    return thrown.exitCode === 0 ? 0 : EX.usage
  }
  if (thrown instanceof ConfigError) {
    process.stderr.write(`${thrown.format()}\n`)
    return EX.config
  }
  if (thrown instanceof CliError) {
    process.stderr.write(`estafeta: ${thrown.message}\n`)
    return thrown.exitCode
  }
  if (thrown instanceof ServerDown) {
    process.stderr.write(`estafeta: ${thrown.message}\n`)
    return EX.unavailable
  }
  const failure = asFailure(thrown)
  process.stderr.write(`estafeta: ${failure.detail}\n`)
  if (failure.kind === 'bug' && process.env.ESTAFETA_DEBUG) process.stderr.write(`${(thrown as Error).stack}\n`)
  const cause = (failure.cause ?? null) as NodeJS.ErrnoException | null
  const exitCode = EXIT_CODES[cause?.code ?? '']
  if (exitCode !== undefined) return exitCode
  return failure.kind === 'temporary' ? EX.tempFail : failure.kind === 'permanent' ? EX.unavailable : EX.software
}

/** What the file system said, in the words of sysexits.h. */
const EXIT_CODES: { readonly [errno: string]: number | undefined } = {
  EACCES: EX.noPermission,
  EPERM: EX.noPermission,
  EROFS: EX.cannotCreate,
  ENOSPC: EX.cannotCreate,
  EDQUOT: EX.cannotCreate,
  ENOTDIR: EX.cannotCreate,
  EEXIST: EX.cannotCreate,
  EIO: EX.ioError,
}

if (process.argv[1] && import.meta.filename === process.argv[1]) {
  // `estafeta queue list | head`: the reader has seen enough
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return
    process.stderr.write(`estafeta: ${error.message}\n`)
    process.exit(EX.ioError)
  })
  process.exitCode = await run(process.argv.slice(2))
}
