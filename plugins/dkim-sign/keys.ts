// The signing keys of a site: `<data>/dkim/<domain>/<selector>.pem` and those that the configuration names; read once, again when changed.
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from 'estafeta/plugin'

export interface SigningKey {
  readonly domain: string
  readonly selector: string
  readonly type: 'rsa' | 'ed25519'
  readonly key: KeyObject
  readonly pem: string
}

export interface DomainKeys {
  readonly domain: string
  readonly keys: readonly SigningKey[]
  /** Why keys that are there cannot be used; not empty means that mail of this domain must not go out as if all were well. */
  readonly problems: readonly string[]
}

export interface KeyFile {
  readonly domain: string
  readonly selector: string
  readonly path: string
}

export interface KeyRing {
  /** The keys of the domain itself or, failing that, of the nearest domain above it; null without any. */
  find(domain: string): DomainKeys | null | Promise<DomainKeys | null>
}

/** How long, in ms, a look at the files holds. */
const LOOK_EVERY = 2000
const MIN_RSA_BITS = 1024 // RFC 8301 §3.2

interface Loaded {
  readonly stamp: string
  readonly key: SigningKey | null
  readonly problem: string | null
}

/** Nothing is read before the first question. */
export function createKeyRing(folder: string, named: readonly KeyFile[], clock: Clock): KeyRing {
  let files = new Map<string, Loaded>()
  let domains = new Map<string, DomainKeys>()
  let looked = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | null = null

  const look = async () => {
    const found = [...named, ...(await findKeyFiles(folder))]
    const loaded = await Promise.all(found.map((file) => loadKey(file, files.get(file.path))))
    files = new Map(found.map((file, i) => [file.path, loaded[i]!]))
    domains = byDomain(found, loaded)
    looked = clock.mono()
  }

  const nearest = (domain: string): DomainKeys | null => {
    for (let name = domain; name.includes('.'); name = name.slice(name.indexOf('.') + 1)) {
      const keys = domains.get(name)
      if (keys) return keys
    }
    return null
  }

  return {
    find(domain) {
      if (clock.mono() - looked < LOOK_EVERY) return nearest(domain)
      looking ??= look().finally(() => {
        looking = null
      })
      return looking.then(() => nearest(domain))
    },
  }
}

async function findKeyFiles(folder: string): Promise<KeyFile[]> {
  const domains = await list(folder)
  const lists = await Promise.all(
    domains.map(async (domain) =>
      (await list(join(folder, domain)))
        .filter((name) => name.endsWith('.pem'))
        .map((name) => ({ domain, selector: name.slice(0, -'.pem'.length), path: join(folder, domain, name) })),
    ),
  )
  return lists.flat()
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith('.')).sort()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}

async function loadKey(file: KeyFile, before: Loaded | undefined): Promise<Loaded> {
  try {
    const { mtimeMs, ctimeMs, size, ino, mode, uid } = await stat(file.path)
    const stamp = `${mtimeMs} ${ctimeMs} ${size} ${ino}`
    if (before?.stamp === stamp) return before
    const unsafe = unsafeFile(mode, uid)
    if (unsafe !== null) return { stamp, key: null, problem: `${file.path}: ${unsafe}` }
    return { stamp, key: parseKey(file, await readFile(file.path, 'utf8')), problem: null }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return { stamp: '', key: null, problem: `${file.path}: ${text}` }
  }
}

/** A private key that others can read is none; group members may read it, as the ssl-cert group does. */
function unsafeFile(mode: number, uid: number): string | null {
  if ((mode & 0o027) !== 0) return `mode ${(mode & 0o777).toString(8)} lets others at the key: chmod 600 it`
  const self = process.getuid?.()
  return self === undefined || uid === 0 || uid === self ? null : 'belongs to another user'
}

function parseKey({ domain, selector }: KeyFile, pem: string): SigningKey {
  const key = createPrivateKey(pem)
  const type = key.asymmetricKeyType
  if (type !== 'rsa' && type !== 'ed25519') throw new Error(`a ${type} key: DKIM knows rsa and ed25519`)
  if (type === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS)
    throw new Error(`an RSA key of less than ${MIN_RSA_BITS} bits`)
  return { domain, selector, type, key, pem }
}

function byDomain(found: readonly KeyFile[], loaded: readonly Loaded[]): Map<string, DomainKeys> {
  const domains = new Map<string, { domain: string; keys: SigningKey[]; problems: string[] }>()
  found.forEach(({ domain }, i) => {
    const entry = domains.get(domain) ?? { domain, keys: [], problems: [] }
    domains.set(domain, entry)
    const { key, problem } = loaded[i]!
    if (key) entry.keys.push(key)
    if (problem) entry.problems.push(problem)
  })
  return domains
}
