// npm run bench: Estafeta beside Debian's Postfix and Dovecot in one run, the same client for both, rounds in turn.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { needPackages, peerPath } from '../kit/peers.ts'
import type { Work } from './context.ts'
import { type Figure, formatFigures, ratio } from './report.ts'
import { ourVersion } from './server.ts'
import { accept } from './work/accept.ts'
import { deliver } from './work/deliver.ts'
import { idle } from './work/idle.ts'
import { imap } from './work/imap.ts'
import { pop3 } from './work/pop3.ts'
import { relay } from './work/relay.ts'
import { start } from './work/start.ts'

const WORKS: readonly Work[] = [accept, deliver, relay, imap, pop3, idle, start]

const options = new Command('bench')
  .description('measures Estafeta beside Postfix and Dovecot, which it installs and starts itself')
  .option('--only <names>', `some of: ${WORKS.map((work) => work.name).join(', ')}`, (text) => text.split(','))
  .option('--rounds <n>', 'rounds of each measurement', Number, 5)
  .option('--json', 'all figures as JSON on standard output, progress on standard error')
  .parse()
  .opts<{ only?: string[]; rounds: number; json?: true }>()

const say = (text: string) => void process.stderr.write(`${text}\n`)
const chosen = WORKS.filter((work) => options.only === undefined || options.only.includes(work.name))
const unknown = (options.only ?? []).filter((name) => !WORKS.some((work) => work.name === name))
if (unknown.length > 0 || !(options.rounds >= 1)) {
  say(`bench: ${unknown.length > 0 ? `no work named ${unknown.join(', ')}` : 'rounds: expected 1 or more'}`)
  process.exit(64)
}
if (process.getuid?.() !== 0) {
  say('bench: Postfix and Dovecot need root: run it as root')
  process.exit(77)
}

await needPackages(['postfix', 'postfix-pcre', 'dovecot-imapd', 'dovecot-pop3d', 'dovecot-lmtpd'])
const folder = mkdtempSync(join(tmpdir(), 'estafeta-bench-'))
chmodSync(folder, 0o755)
const figures: Figure[] = []
const failed: string[] = []
for (const work of chosen) {
  say(`== ${work.name}: ${work.description}`)
  try {
    figures.push(...(await work.run({ rounds: options.rounds, folder, say })))
  } catch (error) {
    failed.push(work.name)
    say(`${work.name} FAILED: ${error instanceof Error ? error.stack : String(error)}`)
  }
}
if (failed.length === 0) rmSync(folder, { recursive: true, force: true })
else say(`what failed (${failed.join(', ')}) left its logs in ${folder}`)

const versions = {
  estafeta: ourVersion(),
  node: process.version,
  postfix: version('postfix', 'usr/sbin/postconf', ['-d', '-h', 'mail_version']),
  dovecot: version('dovecot-imapd', 'usr/sbin/dovecot', ['--version']),
  machine: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
}
if (options.json)
  console.log(
    JSON.stringify(
      { versions, rounds: options.rounds, figures: figures.map((f) => ({ ...f, ratio: ratio(f) })) },
      null,
      2,
    ),
  )
else {
  console.log(
    `\n${Object.entries(versions)
      .map(([name, text]) => `${name} ${text}`)
      .join(', ')}`,
  )
  console.log(`medians of ${options.rounds} rounds [least–most]\n\n${formatFigures(figures)}`)
}

// a work that failed may have left a server running: it ends with this process
process.exit(failed.length === 0 ? 0 : 1)

function version(name: string, file: string, args: readonly string[]): string {
  return execFileSync(peerPath(name, file), args, { encoding: 'utf8' }).trim()
}
