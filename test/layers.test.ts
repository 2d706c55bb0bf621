// Who may import whom (core/README.md), that time comes from the clock alone and places from one module. Proves itself by planted violations.
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** A folder may import those of its own row and of the rows before it. */
const ROWS: readonly (readonly string[])[] = [
  ['base'],
  ['config', 'message', 'net', 'dns', 'sasl'],
  ['wire'],
  ['plugin', 'queue', 'store', 'directory', 'trace'],
  ['pipeline', 'smtp-client', 'sieve'],
  ['smtp', 'pop3', 'imap'],
  ['admin', 'broker'],
  ['cli', 'main'],
]
const PROTOCOLS = ROWS[5]!

interface Import {
  readonly specifier: string
  readonly typeOnly: boolean
}

const IMPORT = /^(?:import|export)(\s+type)?\b[^'"]*?\bfrom\s*['"]([^'"]+)['"]/gm
const BARE = /^import\s*['"]([^'"]+)['"]/gm
const DYNAMIC = /\bimport\(\s*(?:\/\*.*?\*\/\s*)?['"]([^'"]+)['"]/g

function importsOf(text: string): Import[] {
  return [
    ...[...text.matchAll(IMPORT)].map(([, type, specifier]) => ({
      specifier: specifier!,
      typeOnly: type !== undefined,
    })),
    ...[...text.matchAll(BARE), ...text.matchAll(DYNAMIC)].map(([, specifier]) => ({
      specifier: specifier!,
      typeOnly: false,
    })),
  ]
}

/** `core/smtp/wire/command.ts` is `wire`, `core/main.ts` is `main`. */
function layerOf(file: string): string {
  const [, folder = '', inner] = file.split('/')
  if (inner === 'wire') return 'wire'
  return folder.replace(/\.ts$/, '')
}

const rowOf = (layer: string): number => ROWS.findIndex((row) => row.includes(layer))
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

type Rule = (file: string, used: Import, target: string | null, tree: readonly string[]) => string | null

const layers: Rule = (file, _, target) => {
  if (!file.startsWith('core/') || target === null) return null
  if (!target.startsWith('core/')) {
    const isSuite = file.startsWith('core/cli/') && target.startsWith('conformance/')
    return isSuite ? null : 'core imports core alone (and cli the conformance suites)'
  }
  const [from, to] = [layerOf(file), layerOf(target)]
  if (rowOf(from) < 0) return `core/${from} has no row among the layers`
  if (rowOf(to) > rowOf(from)) return `${from} may not import ${to}: it stands above`
  const [own, other] = [file.split('/')[1]!, target.split('/')[1]!]
  const apart = PROTOCOLS.includes(own) && PROTOCOLS.includes(other) && own !== other
  return apart ? `${own} may not import ${other}: protocols stay apart` : null
}

const HOMES: { readonly [library: string]: RegExp } = {
  tsyringe: /^core\/(main|plugin\/registry)\.ts$/,
  'dkim-signer': /^plugins\/dkim-sign\//,
  clamscan: /^plugins\/clamav\//,
  mailauth: /^plugins\/(dkim-sign|spf-dkim-dmarc)\//,
}

const libraries: Rule = (file, { specifier, typeOnly }, target, tree) => {
  if (target !== null || specifier.startsWith('node:')) return null
  const library = packageOf(specifier)
  if (HOMES[library] && !HOMES[library].test(file)) return `${library} is not used here`
  const isTypeInStore = typeOnly && file.startsWith('core/store/')
  if (library === 'rxjs' && !/^core\/(pipeline|trace)\/|^core\/store\/changes\.ts$/.test(file) && !isTypeInStore)
    return 'rxjs is for pipeline, trace and store/changes'
  const besideMachine = tree.some((other) => dirname(other) === dirname(file) && other.endsWith('.machine.ts'))
  if (library === 'xstate' && !besideMachine) return 'xstate is for *.machine.ts and the session or client beside it'
  return null
}

const IMPURE = /^(xstate|rxjs|tsyringe|node:(net|tls|dgram|dns|fs|http|https|timers|worker_threads|child_process)\b)/

const wire: Rule = (file, { specifier }) =>
  /^core\/[^/]+\/wire\//.test(file) && IMPURE.test(specifier) ? 'wire is pure: bytes in, values out' : null

const plugins: Rule = (file, { specifier }, target) => {
  if (!file.startsWith('plugins/')) return null
  const own = file.split('/').slice(0, 2).join('/')
  if (target !== null)
    return target.startsWith(`${own}/`) ? null : 'a plugin imports estafeta/plugin and packages alone'
  return packageOf(specifier) === 'estafeta' && specifier !== 'estafeta/plugin'
    ? 'a plugin imports estafeta/plugin alone'
    : null
}

const conformance: Rule = (file, { specifier }, target) =>
  file.startsWith('conformance/') &&
  (specifier.startsWith('estafeta') || (target !== null && !target.startsWith('conformance/')))
    ? 'a suite that shares the parser shares its bugs'
    : null

const RULES = [layers, libraries, wire, plugins, conformance]

const TIME = /\b(Date\.now\(|new Date\(\)|performance\.now\()|(?<![.\w])(setTimeout\(|setInterval\()/

/** In the build that runs, a module's own URL is that of the file it was put into (rolldown.config.ts). */
const PLACE = /\bimport\.meta\.(url|dirname)\b/

const WORDS: readonly { readonly words: RegExp; readonly home: string; readonly why: string }[] = [
  { words: TIME, home: 'core/base/clock.ts', why: 'time comes from Clock' },
  { words: PLACE, home: 'core/base/program.ts', why: 'places come from moduleUrl' },
]

function wordsOf(file: string, text: string): string[] {
  if (file.startsWith('conformance/')) return []
  return text.split('\n').flatMap((line, i) => {
    if (/^\s*(\/\/|\*)/.test(line)) return []
    return WORDS.flatMap(({ words, home, why }) => {
      const found = file === home ? null : words.exec(line)
      return found ? [`${file}:${i + 1}: ${found[0]}: ${why}`] : []
    })
  })
}

/** Everything that breaks a rule below `folder`, tests aside. */
function violations(folder: string): string[] {
  const tree = globSync('{core,plugins,conformance}/**/*.ts', { cwd: folder })
    .filter((file) => !/\.(test|suite)\.ts$|\.d\.ts$|(^|\/)node_modules\/|(^|\/)test-[^/]*\.ts$/.test(file))
    .sort()
  return tree.flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8')
    const broken = importsOf(text).flatMap((used) => {
      const target = used.specifier.startsWith('.') ? posix.join(posix.dirname(file), used.specifier) : null
      return RULES.flatMap((rule) => {
        const problem = rule(file, used, target, tree)
        return problem === null ? [] : [`${file} imports ${used.specifier}: ${problem}`]
      })
    })
    return [...broken, ...wordsOf(file, text)]
  })
}

it('holds', () => expect(violations(root)).toEqual([]))

it('finds each kind of violation when one is planted', () => {
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-layers-'))
  const plant = (file: string, text: string): void => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  plant('core/base/up.ts', "import {\n  a,\n} from '../smtp/session.ts'\n")
  plant('core/queue/up.ts', "import type { a } from '../pipeline/x.ts'\n")
  plant('core/imap/sideways.ts', "export * from '../pop3/wire/x.ts'\n")
  plant('core/store/lazy.ts', "const a = await import('../cli/main.ts')\n")
  plant('core/smtp/plugin.ts', "import p from '../../plugins/rbl/index.ts'\n")
  plant('core/novel/x.ts', "import '../base/ok.ts'\n")
  plant('core/smtp/wire/parse.ts', "import { Socket } from 'node:net'\n")
  plant('core/smtp/session.machine.ts', "import { setup } from 'xstate'\n")
  plant('core/smtp/session.ts', "import { createActor } from 'xstate'\n")
  plant('core/queue/chart.ts', "import { setup } from 'xstate'\n")
  plant('core/queue/stream.ts', "import { map } from 'rxjs/operators'\n")
  plant('core/store/type.ts', "import type { Observable } from 'rxjs'\n")
  plant('core/cli/box.ts', "import { container } from 'tsyringe'\n")
  plant('core/cli/late.ts', '// setTimeout( in a comment\nconst t = Date.now()\n')
  plant('core/cli/place.ts', "const worker = new URL('./worker.ts', import.meta.url)\n")
  plant('plugins/one/index.ts', "import two from '../two/index.ts'\nimport { x } from 'estafeta/testing'\n")
  plant('plugins/one/deep.ts', "import { Clock } from '../../core/base/clock.ts'\nimport 'clamscan'\n")
  plant('plugins/one/one.test.ts', "import { x } from '../../core/base/clock.ts'\n")
  plant('conformance/smtp/x.ts', "import { parse } from '../../core/smtp/wire/parse.ts'\n")
  const found = violations(folder)
  rmSync(folder, { recursive: true })
  expect(found).toEqual([
    'conformance/smtp/x.ts imports ../../core/smtp/wire/parse.ts: a suite that shares the parser shares its bugs',
    'core/base/up.ts imports ../smtp/session.ts: base may not import smtp: it stands above',
    'core/cli/box.ts imports tsyringe: tsyringe is not used here',
    'core/cli/late.ts:2: Date.now(: time comes from Clock',
    'core/cli/place.ts:1: import.meta.url: places come from moduleUrl',
    'core/imap/sideways.ts imports ../pop3/wire/x.ts: imap may not import pop3: protocols stay apart',
    'core/novel/x.ts imports ../base/ok.ts: core/novel has no row among the layers',
    'core/queue/chart.ts imports xstate: xstate is for *.machine.ts and the session or client beside it',
    'core/queue/stream.ts imports rxjs/operators: rxjs is for pipeline, trace and store/changes',
    'core/queue/up.ts imports ../pipeline/x.ts: queue may not import pipeline: it stands above',
    'core/smtp/plugin.ts imports ../../plugins/rbl/index.ts: core imports core alone (and cli the conformance suites)',
    'core/smtp/wire/parse.ts imports node:net: wire is pure: bytes in, values out',
    'core/store/lazy.ts imports ../cli/main.ts: store may not import cli: it stands above',
    'plugins/one/deep.ts imports ../../core/base/clock.ts: a plugin imports estafeta/plugin and packages alone',
    'plugins/one/deep.ts imports clamscan: clamscan is not used here',
    'plugins/one/index.ts imports ../two/index.ts: a plugin imports estafeta/plugin and packages alone',
    'plugins/one/index.ts imports estafeta/testing: a plugin imports estafeta/plugin alone',
  ])
})
