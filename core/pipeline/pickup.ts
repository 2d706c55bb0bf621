// The pickup folder: mail that local programs left while the server was down, taken in at its start and whenever something appears.

import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  watch,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import { asFailure, permanent } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import { nodeFiles } from '../base/node-files.ts'
import { type LocalEnvelope, submitLocally } from './local-client.ts'

/** What could not be taken in is tried again. */
const RETRY_MS = 5 * 60_000
/** A folder that cannot be watched is looked at. */
const LOOK_MS = 5_000
/** The largest file without a message size limit. */
const MAX_MESSAGE = 512 * 1024 * 1024
const MAX_ENVELOPE = 1024 * 1024

const folderOf = (data: string): string => join(data, 'pickup')

/**
 * Writes envelope (one JSON line) and message, synced, under a temporary name first. The server must be able to read
 * it, and nobody can list the folder: a name that cannot be guessed keeps it from others.
 */
export function dropInPickup(data: string, envelope: LocalEnvelope, message: Buffer): void {
  const folder = folderOf(data)
  const name = randomBytes(16).toString('hex')
  const temporary = join(folder, `.${name}`)
  const fd = openSync(temporary, 'wx', 0o644)
  try {
    nodeFiles.write(fd, [Buffer.from(`${JSON.stringify(envelope)}\n`), message], null)
    fsyncSync(fd)
  } catch (thrown) {
    rmSync(temporary, { force: true })
    throw thrown
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, join(folder, name))
}

export interface PickupOptions {
  readonly data: string
  readonly socket: string
  readonly log: Logger
  readonly clock: Clock
  /** Name of a uid, null for the server's own and for root: their envelopes may name any sender. */
  readonly ownerOf: (uid: number) => Promise<string | null>
  readonly origin: string
  /** The largest message in octets; 0 is without limit. */
  readonly maxSize: () => number
  /** Other users of this machine may leave mail there: the server was started as root. */
  readonly shared: boolean
}

/**
 * Takes in what lies there, then watches. A file that cannot be taken now stays, with a warning, and is tried again; one
 * that is refused for good is set aside under a hidden name.
 */
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
  const stopWatching = watchFolder(folder, run, options)
  const retry = options.clock.every(RETRY_MS, run)
  run()
  return {
    close() {
      stopWatching()
      retry.cancel()
    },
  }
}

/** Calls `run` when something changes, or every few seconds where the system has no watch to give (its limits count all programs). */
function watchFolder(folder: string, run: () => void, { clock, log }: PickupOptions): () => void {
  let end = (): void => {}
  const look = (why: Error): void => {
    end()
    const timer = clock.every(LOOK_MS, run)
    end = () => timer.cancel()
    log.warn(
      `pickup: new mail is looked for every ${LOOK_MS / 1000} seconds, since the folder cannot be watched: ${why.message}`,
      { component: 'pickup' },
    )
  }
  try {
    const watcher = watch(folder, run).unref().on('error', look)
    end = () => watcher.close()
  } catch (thrown) {
    look(thrown as Error)
  }
  return () => end()
}

async function takeOne(path: string, options: PickupOptions): Promise<void> {
  const log = options.log.with({ component: 'pickup' })
  try {
    const { file, uid } = readOwn(path, (options.maxSize() || MAX_MESSAGE) + MAX_ENVELOPE)
    const end = file.indexOf(10)
    const envelope = readEnvelope(file.toString('utf8', 0, Math.max(0, end)))
    const owner = await options.ownerOf(uid)
    const sender = owner === null ? envelope.sender : `${owner}@${options.origin}`
    const answer = await submitLocally(options.socket, { ...envelope, sender }, file.subarray(end + 1))
    if (answer.kind === 'sent') {
      for (const text of answer.refused) log.warn(`pickup: ${path}: ${text}`)
      unlinkSync(path)
      log.info(`pickup: ${path} taken in: ${answer.text}`)
    } else if (answer.kind === 'refused' && answer.code >= 500) setAside(path, answer.text, log)
    else log.warn(`pickup: ${path} stays: ${answer.kind === 'refused' ? answer.text : 'no server'}`)
  } catch (thrown) {
    const { kind, detail } = asFailure(thrown)
    if (kind === 'permanent') setAside(path, detail, log)
    else log.warn(`pickup: ${path} stays: ${detail}`)
  }
}

function setAside(path: string, why: string, log: Logger): void {
  const aside = join(dirname(path), `.refused-${basename(path)}`)
  renameSync(path, aside)
  log.error(`pickup: refused, set aside as ${aside}: ${why}`)
}

/** Any user may have written it: nothing in it may pass for more than the value it is. */
function readEnvelope(line: string): LocalEnvelope {
  try {
    return Envelope.parse(JSON.parse(line))
  } catch {
    throw permanent('its first line is no envelope')
  }
}
const Value = z.string().regex(/^[^\x00-\x1f\x7f]*$/)
const Envelope = z.object({
  sender: Value,
  recipients: z.array(Value).min(1),
  notify: Value.nullable(),
  ret: Value.nullable(),
  envid: Value.nullable(),
})

/** What lies there was put there by somebody else: no links to other files, nothing but a plain file. */
function readOwn(path: string, most: number): { file: Buffer; uid: number } {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile() || stat.nlink !== 1) throw permanent('not a plain file with one name')
    if (stat.size > most) throw permanent(`larger than ${most} octets`)
    return { file: readFileSync(fd), uid: stat.uid }
  } finally {
    closeSync(fd)
  }
}
