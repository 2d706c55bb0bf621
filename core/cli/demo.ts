// estafeta demo: a whole mail site on loopback, without root, DNS or questions, everything in ./.estafeta-demo.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { Command } from 'commander'
import { openData } from '../base/data-lock.ts'
import { loadConfig } from '../config/load.ts'
import { hashPassword } from '../directory/password-schemes.ts'
import { CliError, EX } from './context.ts'
import { print } from './output.ts'
import { runServer } from './run-server.ts'

const DEMO_USERS = [
  { account: 'ana@estafeta.test', name: 'Ana', password: 'ana-demo' },
  { account: 'paco@estafeta.test', name: 'Paco', password: 'paco-demo' },
]

const PORTS = { smtp: 2525, submission: 2587, submissions: 2465, imap: 2143, imaps: 2993, pop3: 2110, pop3s: 2995 }

interface DemoOptions {
  fresh?: true
  folder: string
  portOffset: string
}

export function build(): Command {
  return new Command('demo')
    .option('--fresh', 'begin with an empty folder')
    .option('--folder <path>', 'where everything lies', '.estafeta-demo')
    .option('--port-offset <n>', 'added to every port', '0')
    .action(demo)
}

async function demo(options: DemoOptions): Promise<void> {
  const offset = Number(options.portOffset)
  if (!Number.isInteger(offset) || offset < 0 || offset > 60_000)
    throw new CliError('--port-offset wants a whole number from 0 to 60000', EX.usage)
  const folder = resolve(options.folder)
  const config = join(folder, 'estafeta.yaml')
  if (options.fresh) emptyFolder(folder, config)
  await writeFirstFiles(folder, config)
  const listen = Object.fromEntries(
    Object.entries(PORTS).map(([service, port]) => [service, [`127.0.0.1:${port + offset}`]]),
  )
  const loaded = loadConfig({ path: config, overrides: { listen } })
  await runServer(loaded, { started: () => introduce(folder, offset) })
}

/** Only a folder that this command made is ever removed, and none in which a server runs. */
function emptyFolder(folder: string, config: string): void {
  if (!existsSync(folder)) return
  if (!existsSync(config)) throw new CliError(`${folder} is not a demo's folder: it is left alone`, EX.usage)
  openData(join(folder, 'data')).release()
  rmSync(folder, { recursive: true })
}

async function writeFirstFiles(folder: string, config: string): Promise<void> {
  if (existsSync(config)) return
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const users = await Promise.all(
    DEMO_USERS.map(async (u) => [u.account, { name: u.name, password: await hashPassword(u.password) }] as const),
  )
  const lines = users.flatMap(([account, user]) => [
    `  ${account}:`,
    `    name: ${user.name}`,
    `    password: ${JSON.stringify(user.password)}`,
  ])
  writeFileSync(
    join(folder, 'users.yaml'),
    ['# The users of the demo; `estafeta user` edits this file.', 'users:', ...lines, ''].join('\n'),
    { mode: 0o600 },
  )
  writeFileSync(
    config,
    [
      "# The demo's configuration: change it, then run `estafeta reload`. See docs/operator-guide.md.",
      'profile: demo',
      'data: data',
      'users: { file: users.yaml }',
      '',
    ].join('\n'),
    { mode: 0o600 },
  )
}

function introduce(folder: string, offset: number): void {
  const at = (service: keyof typeof PORTS): string => `127.0.0.1:${PORTS[service] + offset}`
  const cli = `bin/estafeta --config ${relative(process.cwd(), join(folder, 'estafeta.yaml'))}`
  print(`
Estafeta is running as estafeta.test, on loopback only. Stop it with Ctrl-C.

  users   ana@estafeta.test (password ana-demo), paco@estafeta.test (paco-demo)
  ports   ${Object.keys(PORTS)
    .map((service) => `${service} ${PORTS[service as keyof typeof PORTS] + offset}`)
    .join(', ')}

In another terminal, send a first letter (curl or swaks):

  printf 'From: Paco <paco@estafeta.test>\\nTo: Ana <ana@estafeta.test>\\nSubject: The first letter\\n\\nHello Ana!\\n' | curl -sS --crlf --url smtp://${at('smtp')} --mail-from paco@estafeta.test --mail-rcpt ana@estafeta.test --upload-file -
  swaks --server ${at('submission')} --tls --auth-user paco@estafeta.test --auth-password paco-demo --from paco@estafeta.test --to ana@estafeta.test

read it over IMAP and POP3:

  curl -sS --insecure --user ana@estafeta.test:ana-demo 'imaps://${at('imaps')}/INBOX;MAILINDEX=1'
  curl -sS --insecure --user ana@estafeta.test:ana-demo pop3s://${at('pop3s')}/1

and see what happened to it:

  ${cli} trace ana@estafeta.test
  ${cli} queue list

Mail that fails on purpose: temperror@estafeta.test, permerror@estafeta.test, slow@estafeta.test.
`)
}
