// Writes docs/generated/ (`npm run docs`): settings, hooks, plugins, replies and commands, all from the code that obeys them.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { coverageOf, UNSEEN } from '../../conformance/coverage.ts'
import { suites } from '../../conformance/suites.ts'
import { packageRoot } from '../base/program.ts'
import { describeSchema, rowsOf, type SettingRow, settingRows } from '../config/reference.ts'
import { formatDuration, formatSize } from '../config/units.ts'
import { replies } from '../message/reply.ts'
import { findDefinition, shippedPlugins } from '../plugin/definitions.ts'
import { HOOK_KINDS, MESSAGE_HOOKS_TIMEOUT } from '../plugin/hook-kinds.ts'
import { program, SUBCOMMANDS } from './main.ts'

export const generatedFolder = join(packageRoot, 'docs', 'generated')

const HEAD = '<!-- Written by `npm run docs`; change the code, not this page. -->\n\n'

/** File names with their text. */
export async function generatedDocs(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['config.md', HEAD + configPage()],
    ['hooks.md', HEAD + hooksPage()],
    ['plugins.md', HEAD + (await pluginsPage())],
    ['replies.md', HEAD + repliesPage()],
    ['commands.md', HEAD + (await commandsPage())],
    ['conformance-coverage.md', HEAD + coveragePage()],
  ])
}

// ---------------------------------------------------------------- pages

function configPage(): string {
  return `# Settings

Every key of the configuration file. Sizes are written \`50MiB\`, durations \`5d\`, \`4h\`, \`30s\`; paths are relative to the file
that they stand in, in a plugin's own settings when they begin with \`./\` or \`../\`. A site's maps merge into its profile's,
lists replace, \`null\` resets. \`estafeta config explain KEY\` tells the same of one key, with its value and where it was set.
Keys marked † take effect at a restart; all others at a reload.

${settingsTable(siteRows())}

## Keys of a plugin's entry

All other keys of an entry are the plugin's own: see [plugins](plugins.md).

${settingsTable(settingRows().filter(({ key }) => key.startsWith('plugins.')))}
`
}

/** All but the plugins', what every service has in common told once. */
function siteRows(): SettingRow[] {
  const rows = settingRows().filter(({ key }) => !key.startsWith('plugins.'))
  const isOption = (key: string): boolean => /^listen\.\w+\./.test(key)
  const [first] = rows.filter(({ key }) => isOption(key))
  const options = rows.filter(({ key }) => first && key.startsWith(first.key.replace(/\w+$/, '')))
  const last = rows.findLastIndex(({ key }) => isOption(key))
  return rows.flatMap((row, i) => [
    ...(isOption(row.key) ? [] : [row]),
    ...(i === last ? options.map((one) => ({ ...one, key: one.key.replace(/^listen\.\w+/, 'listen.<service>') })) : []),
  ])
}

function hooksPage(): string {
  const rows = Object.entries(HOOK_KINDS).map(([name, hook]) => [
    `\`${name}\``,
    hook.kind,
    hook.when,
    hook.answers,
    hook.allPass,
    hook.failed,
    hook.timeout === 0 ? '–' : `${hook.timeout / 1000} s`,
  ])
  return `# Hooks

How answers combine: a **gate** asks in order and the first reject or defer decides; **admission** is a gate that also needs one
\`admit\`; **first** takes the first answer that is not \`null\`; **serial** shows each plugin what those before it changed; **one**
calls exactly one; **told** hears and is not asked. Stages are \`early\`, \`normal\`, \`late\`, \`seal\`; within a stage the order is
that of the configuration. All message hooks of one message together have ${MESSAGE_HOOKS_TIMEOUT / 1000} s.

${table(['Hook', 'Kind', 'When', 'Answers', 'When all pass', 'A plugin that failed or is late', 'Time'], rows)}
`
}

async function pluginsPage(): Promise<string> {
  const parts: string[] = []
  for (const name of shippedPlugins()) {
    const found = await findDefinition({ use: name, folder: packageRoot })
    if ('problem' in found) throw new Error(`${name}: ${found.problem}`)
    const { description, config } = found.definition
    const rows = config ? withDefaults(rowsOf(describeSchema(config), ''), config.safeParse({}).data) : []
    parts.push(
      `## ${name}\n\n${description}. [More](../../plugins/${name}/README.md)\n`,
      rows.length > 0 ? `${settingsTable(rows)}\n` : 'No settings.\n',
    )
  }
  return `# Plugins\n\nWhat is shipped, with each plugin's own settings.\n\n${parts.join('\n')}`
}

/** Defaults that the schema gives only when it runs. */
const withDefaults = (rows: readonly SettingRow[], settled: unknown): readonly SettingRow[] =>
  rows.map((row) => {
    const value = (settled as { readonly [key: string]: unknown } | undefined)?.[row.key]
    if (row.default !== '–' || typeof value !== 'number') return row
    const text = row.form === 'size' ? formatSize(value) : row.form === 'duration' ? formatDuration(value) : value
    return { ...row, default: String(text) }
  })

function repliesPage(): string {
  const rows = Object.entries(replies).map(([name, make]) => {
    const { code, enhanced, text } = sample(make)
    return [`\`${name}\``, String(code), enhanced ?? '–', typeof text === 'string' ? text : text.join(' / ')]
  })
  return `# Replies

Every SMTP reply that Estafeta gives (\`core/message/reply.ts\`); plugins use them as \`replies.name()\`.

${table(['Name', 'Code', 'Status', 'Text'], rows)}
`
}

/** A reply with the names of its parameters in their places. */
function sample(make: unknown): { code: number; enhanced: string | null; text: string | readonly string[] } {
  const names = /^\(?([^)=]*)\)?\s*=>/.exec(String(make))?.[1] ?? ''
  const values = names.split(',').map((name) => `‹${name.trim()}›`)
  return (make as (...values: string[]) => ReturnType<typeof replies.ok>)(...values)
}

async function commandsPage(): Promise<string> {
  const parts: string[] = []
  for (const [name, description] of SUBCOMMANDS) {
    const command = (await program(name)).commands.find((one) => one.name() === name)!
    parts.push(`## estafeta ${name}\n\n${sentence(description)}\n\n${helpOf(command)}`)
  }
  return `# The command

\`estafeta --config FILE\` names the configuration; without it \`$ESTAFETA_CONFIG\`, then \`/etc/estafeta/estafeta.yaml\`.

${parts.join('\n')}`
}

/** A command's help, then that of its subcommands. */
function helpOf(command: Command): string {
  command.configureOutput({ getOutHelpWidth: () => 100, getErrHelpWidth: () => 100, getOutHasColors: () => false })
  const own = `\`\`\`text\n${command.helpInformation().trimEnd()}\n\`\`\`\n`
  return [own, ...command.commands.map(helpOf)].join('\n')
}

const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`

function coveragePage(): string {
  const cases = suites.flatMap((suite) => suite.cases)
  const counts = suites.map((suite) => {
    const of = (level: string) => String(suite.cases.filter((one) => one.level === level).length)
    return [`\`${suite.name}\``, String(suite.cases.length), of('must'), of('should'), of('may')]
  })
  const rfcs = coverageOf(cases).map(({ name, title, sections }) => {
    const rows = sections.map(({ section, cases: found }) => [section, found.map(({ id }) => `\`${id}\``).join(' ')])
    return `## ${name}: ${title}\n\n${table(['Section', 'Cases'], rows)}\n`
  })
  const unseen = UNSEEN.map(({ rfc, what, why }) => [rfc, what, why])
  return `# What the conformance suites cover

${cases.length} cases, each one statement of a section. \`estafeta conformance <suite> --list\` prints them with their
requirements; [the guide](../conformance-guide.md) says how to run them.

${table(['Suite', 'Cases', 'MUST', 'SHOULD', 'MAY'], counts)}

## What is not testable from outside

${table(['Section', 'Demand', 'Why not'], unseen)}

${rfcs.join('\n')}`
}

// ---------------------------------------------------------------- tables

const settingsTable = (rows: readonly SettingRow[]): string =>
  table(
    ['Key', 'Value', 'Default', 'Meaning'],
    rows.map(({ key, form, default: preset, what, restart }) => [
      `\`${key}\`${restart ? ' †' : ''}`,
      form,
      preset.startsWith('`') || /^(–|required|the |standard|a )/.test(preset) ? preset : `\`${preset}\``,
      what,
    ]),
  )

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n')

if (process.argv[1] && import.meta.filename === process.argv[1]) {
  mkdirSync(generatedFolder, { recursive: true })
  for (const [name, text] of await generatedDocs()) writeFileSync(join(generatedFolder, name), text)
}
