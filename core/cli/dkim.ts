// estafeta dkim: create, list and activate the signing keys of a domain; print the DNS records that publish them.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../base/clock.ts'
import { parseDomain } from '../message/address.ts'
import { makeForServer } from './as-server.ts'
import { CliError, EX, loadSite } from './context.ts'
import { formatTable, print, printJson } from './output.ts'

type KeyType = 'rsa' | 'ed25519'
/** active: signs. pending: waits until its record is published. retired: signs no more, its record may still be needed. */
type State = 'active' | 'pending' | 'retired'

const SUFFIXES: { readonly [state in State]: string } = { active: '.pem', pending: '.pending', retired: '.retired' }

interface KeyFile {
  readonly domain: string
  readonly selector: string
  readonly state: State
  readonly type: string
  readonly path: string
}

export function build(): Command {
  const dkim = new Command('dkim')
  dkim
    .command('create')
    .description('make a key and print its DNS record; beside an active key it waits for `dkim activate`')
    .argument('<domain>', 'domain to sign for', readDomain)
    .argument('[selector]', 'name of the key in the DNS; by default its type and the month', readSelector)
    .addOption(new Option('--type <type>', 'kind of key').choices(['rsa', 'ed25519']).default('rsa'))
    .addOption(new Option('--bits <bits>', 'size of an RSA key').choices(['1024', '2048', '4096']).default('2048'))
    .option('--active', 'sign with it at once')
    .action(create)
  dkim
    .command('activate')
    .description('sign with a pending key from now on; active keys of its type retire')
    .argument('<domain>', 'domain', readDomain)
    .argument('<selector>', 'its selector', readSelector)
    .action(activate)
  dkim
    .command('list')
    .description('keys and their states')
    .argument('[domain]', 'only of this domain', readDomain)
    .option('--json')
    .action(list)
  dkim
    .command('record')
    .description('the DNS records of a domain’s keys, as lines of a zone file')
    .argument('<domain>', 'domain', readDomain)
    .argument('[selector]', 'only this key’s', readSelector)
    .action(record)
  return dkim
}

async function create(
  domain: string,
  named: string | undefined,
  options: { type: KeyType; bits: string; active?: true },
): Promise<void> {
  const folder = await keyFolder()
  const selector = named ?? `${options.type}${new Date(systemClock.now()).toISOString().slice(0, 7).replace('-', '')}`
  const keys = readKeys(folder, domain)
  const taken = keys.find((key) => key.selector === selector)
  if (taken) throw new CliError(`${domain} has a key ${selector} already (${taken.state}): choose another selector`)
  const waits = !options.active && keys.some((key) => key.state === 'active' && key.type === options.type)
  const state: State = waits ? 'pending' : 'active'
  const path = join(folder, domain, selector + SUFFIXES[state])
  await makeForServer((await loadSite()).site)
  writeKey(path, newKey(options.type, Number(options.bits)))
  print(`${state} key: ${path}\nPublish this record:\n${formatRecord(domain, selector, path)}`)
  if (waits) print(`Once the DNS shows it: estafeta dkim activate ${domain} ${selector}`)
}

async function activate(domain: string, selector: string): Promise<void> {
  const keys = readKeys(await keyFolder(), domain)
  const chosen = keys.find((key) => key.selector === selector)
  if (!chosen) throw new CliError(`${domain} has no key ${selector}: see estafeta dkim list`)
  const old = keys.filter((key) => key !== chosen && key.state === 'active' && key.type === chosen.type)
  // the new one first: between the two steps both sign
  if (chosen.state !== 'active') move(chosen, 'active')
  for (const key of old) move(key, 'retired')
  print(
    `${domain} is signed with ${selector}${old.length > 0 ? `; retired: ${old.map((k) => k.selector).join(', ')}` : ''}`,
  )
  for (const key of old) print(`keep the record of ${key.selector} for some days, for mail under way`)
}

async function list(domain: string | undefined, options: { json?: true }): Promise<void> {
  const folder = await keyFolder()
  const domains = domain === undefined ? names(folder) : [domain]
  const keys = domains.flatMap((name) => readKeys(folder, name))
  if (options.json) return printJson(keys)
  if (keys.length === 0) return print('no keys')
  print(
    formatTable(
      ['DOMAIN', 'SELECTOR', 'TYPE', 'STATE', 'FILE'],
      keys.map((key) => [key.domain, key.selector, key.type, key.state, key.path]),
    ),
  )
}

async function record(domain: string, selector: string | undefined): Promise<void> {
  const keys = readKeys(await keyFolder(), domain).filter((key) => selector === undefined || key.selector === selector)
  if (keys.length === 0) throw new CliError(`no such key of ${domain}: see estafeta dkim list`, EX.noInput)
  for (const key of keys) print(formatRecord(domain, key.selector, key.path))
}

const keyFolder = async (): Promise<string> => join((await loadSite()).site.data, 'dkim')

function readDomain(text: string): string {
  const domain = parseDomain(text)
  if (!domain.ok || domain.value.startsWith('['))
    throw new InvalidArgumentError('expected a domain such as example.com')
  return domain.value
}

function readSelector(text: string): string {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(text)) return text.toLowerCase()
  throw new InvalidArgumentError('expected a name of letters, digits and hyphens')
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new CliError(`cannot read ${folder}: ${(error as Error).message}`, EX.noPermission)
  }
}

function readKeys(folder: string, domain: string): KeyFile[] {
  const states = Object.entries(SUFFIXES) as [State, string][]
  return names(join(folder, domain)).flatMap((name) => {
    const [state, suffix] = states.find(([, ending]) => name.endsWith(ending)) ?? []
    if (state === undefined || suffix === undefined) return []
    const path = join(folder, domain, name)
    return [{ domain, selector: basename(name, suffix), state, type: typeOf(path), path }]
  })
}

function typeOf(path: string): string {
  try {
    return createPrivateKey(readFileSync(path)).asymmetricKeyType ?? 'unknown'
  } catch {
    return 'unreadable'
  }
}

function newKey(type: KeyType, bits: number): string {
  const pair = type === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: bits }) : generateKeyPairSync('ed25519')
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
}

/** Never overwrites. The file gets the owner of the data folder, so that the server can read what root made. */
function writeKey(path: string, pem: string): void {
  const owner = statSync(existing(dirname(path)))
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const fd = openSync(path, 'wx', 0o600)
  try {
    writeSync(fd, pem)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  if (process.getuid?.() === 0)
    for (const made of [path, dirname(path), dirname(dirname(path))]) chownSync(made, owner.uid, owner.gid)
}

/** The nearest folder above that is there. */
function existing(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : existing(dirname(folder))
}

const move = (key: KeyFile, state: State): void =>
  renameSync(key.path, join(dirname(key.path), key.selector + SUFFIXES[state]))

/** RFC 6376 §3.6.1, RFC 8463 §4.2; strings of at most 255 octets (RFC 1035 §3.3). */
export function formatRecord(domain: string, selector: string, path: string): string {
  const key = createPublicKey(createPrivateKey(readFileSync(path)))
  const der = key.export({ type: 'spki', format: 'der' })
  const type = key.asymmetricKeyType
  // an Ed25519 key is published bare: the last 32 octets of its SubjectPublicKeyInfo
  const p = (type === 'ed25519' ? der.subarray(-32) : der).toString('base64')
  const strings = `v=DKIM1; k=${type}; p=${p}`.match(/.{1,255}/g) ?? []
  const text = strings.map((part) => `"${part}"`).join(' ')
  return `${selector}._domainkey.${domain}. IN TXT ${strings.length > 1 ? `( ${text} )` : text}`
}
