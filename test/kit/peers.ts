// Brings Debian's programs to the tests: installs with apt what removes nothing, unpacks the rest aside, starts no service.
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { ASIDE_PACKAGES, PEER_PACKAGES } from './packages.ts'

const ROOT = fileURLToPath(new URL(import.meta.url.includes('/dist/test/') ? '../../../' : '../../', import.meta.url))
const ASIDE = join(ROOT, 'test/.cache/aside')
const POLICY = '/usr/sbin/policy-rc.d'
const ENVIRONMENT = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' }
const APT_OPTIONS = ['-o', 'DPkg::Lock::Timeout=600', '-o', 'Acquire::Retries=3', '-y', '--no-install-recommends']

/** One line a package: its name, a tab, its state. */
const STATUS_FORMAT = `${['Package', 'Status'].map((field) => `\${${field}}`).join('\t')}\n`

export interface PeerReport {
  readonly present: readonly string[]
  readonly installed: readonly string[]
  readonly unpacked: readonly string[]
  /** What could not be had, and why. */
  readonly missing: readonly { readonly name: string; readonly reason: string }[]
}

/**
 * Makes sure that the named packages can be used by a test; throws, naming what is missing, when they cannot.
 * Installs them when run as root, so that a single test file runs on its own.
 */
export async function needPackages(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !(name in PEER_PACKAGES) && !(name in ASIDE_PACKAGES))
  if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: not listed in test/kit/packages.ts`)
  const { missing } = setUpPeers(names)
  if (missing.length > 0) throw new Error(missing.map((m) => `package ${m.name} is missing: ${m.reason}`).join('\n'))
}

/** Path of a file of a package (`usr/sbin/exim4`): in the system when it is installed, else where it lies unpacked. */
export function peerPath(name: string, file: string): string {
  const aside = peerTree(name, file)
  return existsSync(aside) ? aside : join('/', file)
}

/** Path of a file or folder of an unpacked package; there is none when the package is installed. */
export const peerTree = (name: string, file: string): string => join(ASIDE, name, file)

/** Environment in which the programs of unpacked packages find their libraries. */
export function peerEnvironment(...names: readonly string[]): NodeJS.ProcessEnv {
  const folders = names.flatMap((name) =>
    ['usr/lib', 'lib'].flatMap((part) => {
      const lib = join(ASIDE, name, part)
      const found = existsSync(lib) ? readdirSync(lib).filter((folder) => folder.endsWith('-linux-gnu')) : []
      return found.map((folder) => join(lib, folder))
    }),
  )
  return folders.length === 0 ? process.env : { ...process.env, LD_LIBRARY_PATH: folders.join(':') }
}

/** A package's version, as Debian numbers it: of what is installed, else of what lies unpacked. */
export function packageVersion(name: string): string {
  if (!existsSync(join(ASIDE, name)))
    return spawnSync('dpkg-query', ['-W', '-f', `\${Version}`, name], { encoding: 'utf8' }).stdout
  const log = peerTree(name, `usr/share/doc/${name}/changelog.Debian.gz`)
  return /\(([^)]+)\)/.exec(gunzipSync(readFileSync(log)).toString('utf8'))?.[1] ?? 'unknown'
}

/** True if the package is installed or unpacked. */
export const hasPackage = (name: string): boolean => existsSync(join(ASIDE, name)) || installed([name]).has(name)

/** Gets what is not there yet. `names` is every peer by default. Quick when nothing is missing. */
export function setUpPeers(
  names: readonly string[] = Object.keys({ ...PEER_PACKAGES, ...ASIDE_PACKAGES }),
  say: (line: string) => void = () => {},
  isRoot = process.getuid?.() === 0,
): PeerReport {
  if (!existsSync('/usr/bin/dpkg-query'))
    return allMissing(names, 'the peers are Debian packages, and this is no Debian')
  const there = installed(names)
  const present = names.filter((name) => there.has(name) || existsSync(join(ASIDE, name)))
  const wanted = names.filter((name) => !present.includes(name))
  if (wanted.length === 0) return { present, installed: [], unpacked: [], missing: [] }
  if (!isRoot) {
    const report = allMissing(wanted, `run as root: apt-get install --no-install-recommends ${wanted.join(' ')}`)
    return { ...report, present }
  }
  say(`fetching ${wanted.join(' ')}`)
  const trouble = attempt(() => apt(['-qq', 'update']))
  if (trouble !== null) return { ...allMissing(wanted, `apt-get update failed: ${trouble}`), present }
  const plan = planInstall(wanted)
  if (plan.install.length > 0) {
    const failure = attempt(() => installWithoutServices(plan.install))
    for (const name of failure === null ? [] : plan.install) plan.reasons.set(name, failure!)
  }
  const unpacked = plan.aside.filter((name) => unpackAside(name))
  return judge(wanted, present, unpacked, plan.reasons)
}

function judge(
  wanted: readonly string[],
  present: readonly string[],
  unpacked: readonly string[],
  reasons: ReadonlyMap<string, string>,
): PeerReport {
  const now = installed(wanted)
  return {
    present,
    installed: wanted.filter((name) => now.has(name)),
    unpacked,
    missing: wanted
      .filter((name) => !now.has(name) && !unpacked.includes(name))
      .map((name) => ({ name, reason: reasons.get(name) ?? 'apt-get could not install or unpack it' })),
  }
}

const allMissing = (names: readonly string[], reason: string): PeerReport => ({
  present: [],
  installed: [],
  unpacked: [],
  missing: names.map((name) => ({ name, reason })),
})

function installed(names: readonly string[]): Set<string> {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', STATUS_FORMAT, ...names], {
    encoding: 'utf8',
    env: ENVIRONMENT,
  })
  const lines = (stdout ?? '').split('\n').map((line) => line.split('\t'))
  return new Set(lines.filter(([, status]) => status === 'install ok installed').map(([name]) => name!))
}

/** Asks apt what would happen; whatever would remove something, or cannot be installed, goes aside. */
function planInstall(wanted: readonly string[]): {
  install: string[]
  aside: string[]
  reasons: Map<string, string>
} {
  const reasons = new Map<string, string>()
  const candidates = wanted.filter((name) => !(name in ASIDE_PACKAGES))
  const aside = wanted.filter((name) => name in ASIDE_PACKAGES)
  if (candidates.length === 0 || objection(candidates) === null) return { install: candidates, aside, reasons }
  const install: string[] = []
  for (const name of candidates) {
    const reason = objection([...install, name])
    if (reason === null) install.push(name)
    else {
      aside.push(name)
      reasons.set(name, reason)
    }
  }
  return { install, aside, reasons }
}

/** Why installing these together is out of the question; null when nothing speaks against it. */
function objection(names: readonly string[]): string | null {
  const run = simulate(names)
  if (run.status !== 0) return run.stderr.split('\n').find((line) => line.startsWith('E:')) ?? 'apt-get refuses'
  const removed = run.stdout.split('\n').filter((line) => line.startsWith('Remv '))
  return removed.length === 0 ? null : `it would remove ${removed.map((line) => line.split(' ')[1]).join(', ')}`
}

const simulate = (names: readonly string[]) =>
  spawnSync('apt-get', [...APT_OPTIONS, '-s', 'install', ...names], { encoding: 'utf8', env: ENVIRONMENT })

/** What went wrong, in one line; null when nothing did. */
function attempt(work: () => void): string | null {
  try {
    work()
    return null
  } catch (error) {
    const { stderr, message } = error as { stderr?: Buffer; message: string }
    return (stderr?.toString().trim().split('\n').at(-1) || message).slice(0, 300)
  }
}

function apt(args: readonly string[], cwd?: string): void {
  execFileSync('apt-get', [...APT_OPTIONS, ...args], {
    env: ENVIRONMENT,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  })
}

/** Installs with a policy that lets no package start its service (invoke-rc.d(8)), and puts the old policy back. */
function installWithoutServices(names: readonly string[]): void {
  spawnSync('debconf-set-selections', {
    input: 'postfix postfix/main_mailer_type select No configuration\n',
    env: ENVIRONMENT,
  })
  const before = existsSync(POLICY) ? readFileSync(POLICY) : null
  if (before === null || spawnSync(POLICY).status !== 101) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n')
  chmodSync(POLICY, 0o755)
  try {
    apt(['-qq', 'install', ...names])
  } finally {
    if (before === null) rmSync(POLICY, { force: true })
    else writeFileSync(POLICY, before)
  }
}

/** Downloads a package with what it needs and the system lacks, and unpacks all of it under the cache folder. */
function unpackAside(name: string): boolean {
  const inst = simulate([name])
    .stdout.split('\n')
    .filter((line) => line.startsWith('Inst '))
    .map((line) => line.split(' ')[1]!)
  mkdirSync(ASIDE, { recursive: true })
  const work = mkdtempSync(join(ASIDE, '.new-'))
  try {
    apt(['-qq', '-o', 'APT::Sandbox::User=root', 'download', ...new Set([name, ...inst])], work)
    const tree = join(work, 'tree')
    for (const file of readdirSync(work).filter((f) => f.endsWith('.deb')))
      execFileSync('dpkg', ['-x', join(work, file), tree])
    execFileSync('mv', ['-T', tree, join(ASIDE, name)])
    return true
  } catch {
    return existsSync(join(ASIDE, name))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
