// The pickup folder: mail that local programs left while the server was down, taken in at its start and whenever something appears.
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  watch,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { asFailure } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import { type LocalEnvelope, submitLocally } from './local-client.ts'

const folderOf = (data: string): string => join(data, 'pickup')

/** Writes envelope (one JSON line) and message, synced, under a temporary name first. */
export function dropInPickup(data: string, name: string, envelope: LocalEnvelope, message: Buffer): void {
  const folder = folderOf(data)
  const temporary = join(folder, `.${name}`)
  const fd = openSync(temporary, 'wx', 0o600)
  try {
    writeSync(fd, `${JSON.stringify(envelope)}\n`)
    writeSync(fd, message)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, join(folder, name))
}

export interface PickupOptions {
  readonly data: string
  readonly socket: string
  readonly log: Logger
  /** Name of a uid, null for the server's own and for root: their envelopes may name any sender. */
  readonly ownerOf: (uid: number) => Promise<string | null>
  readonly origin: string
  /** Other users of this machine may leave mail there: the server was started as root. */
  readonly shared: boolean
}

/** Takes in what lies there, then watches. A file that cannot be taken stays, with a warning. */
export function startPickup(options: PickupOptions): { close(): void } {
  const folder = folderOf(options.data)
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, options.shared ? 0o1733 : 0o700)
  let working = false
  let again = false
  const sweep = async (): Promise<void> => {
    if (working) {
      again = true
      return
    }
    working = true
    do {
      again = false
      for (const name of readdirSync(folder).sort())
        if (!name.startsWith('.')) await takeOne(join(folder, name), options)
    } while (again)
    working = false
  }
  const run = (): void => {
    sweep().catch((thrown) => options.log.error(`pickup: ${asFailure(thrown).detail}`, { component: 'pickup' }))
  }
  const watcher = watch(folder, run)
  watcher.unref()
  run()
  return { close: () => watcher.close() }
}

async function takeOne(path: string, options: PickupOptions): Promise<void> {
  try {
    const file = readFileSync(path)
    const end = file.indexOf(10)
    const envelope = JSON.parse(file.toString('utf8', 0, end)) as LocalEnvelope
    const owner = await options.ownerOf(statSync(path).uid)
    const sender = owner === null ? envelope.sender : `${owner}@${options.origin}`
    const answer = await submitLocally(options.socket, { ...envelope, sender }, file.subarray(end + 1))
    if (answer.kind === 'sent') unlinkSync(path)
    else
      options.log.warn(`pickup: ${path} stays: ${answer.kind === 'refused' ? answer.text : 'no server'}`, {
        component: 'pickup',
      })
  } catch (thrown) {
    options.log.warn(`pickup: ${path} stays: ${asFailure(thrown).detail}`, { component: 'pickup' })
  }
}
