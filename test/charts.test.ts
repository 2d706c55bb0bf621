// The charts in docs/charts are those of the machines. UPDATE_CHARTS=1 draws them anew.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type Chart, drawChart } from '../core/cli/charts.ts'
import { imapMachine } from '../core/imap/session.machine.ts'
import { sessionMachine as pop3Machine } from '../core/pop3/session.machine.ts'
import { sessionMachine as smtpMachine } from '../core/smtp/session.machine.ts'
import { clientMachine } from '../core/smtp-client/client.machine.ts'

const charts: readonly [file: string, title: string, machine: Chart][] = [
  ['smtp', 'A session of SMTP, submission or LMTP', smtpMachine],
  ['smtp-client', 'An outgoing SMTP connection', clientMachine],
  ['pop3', 'A POP3 session', pop3Machine],
  ['imap', 'An IMAP session', imapMachine],
]

const pathOf = (name: string): string => fileURLToPath(new URL(`../docs/charts/${name}.md`, import.meta.url))

describe('docs/charts', () => {
  test.each(charts)('%s.md shows the machine as it is', (name, title, machine) => {
    const path = pathOf(name)
    const drawn = drawChart(machine, title)
    if (process.env.UPDATE_CHARTS) {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, drawn)
    }
    expect(existsSync(path), `${path} is missing: run with UPDATE_CHARTS=1`).toBe(true)
    expect(readFileSync(path, 'utf8'), 'the machine changed: run with UPDATE_CHARTS=1').toBe(drawn)
  })

  test('a machine that changed is found out', () => {
    const drawn = drawChart(smtpMachine, 'x')
    for (const state of Object.keys(smtpMachine.states)) expect(drawn).toContain(state)
    expect(drawn).toContain('ready --> mail : mail.accepted')
    expect(drawn).toContain('[*] --> connecting')
    expect(drawn).toContain('closed --> [*]')
  })
})
