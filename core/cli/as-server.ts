// What root's commands make in the data folder must be the server's to use.
import { chownSync, closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Site } from '../config/site.ts'
import { systemUsers } from '../directory/system-users.ts'

const isRoot = (): boolean => process.getuid?.() === 0

/** As root: makes the data folder, and `path` as an empty file, for the server's user. What is there stays as it is. */
export async function makeForServer(site: Site, path: string = site.data): Promise<void> {
  if (!isRoot()) return
  // without that user `serve` says what to do
  const user = await systemUsers.find(site.user)
  if (!user) return
  if (mkdirSync(site.data, { recursive: true, mode: 0o711 }) !== undefined) chownSync(site.data, user.uid, user.gid)
  if (existsSync(path)) return
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, 'a', 0o600))
  chownSync(path, user.uid, user.gid)
}

/** As root: from here on this process is the owner of the data folder, and so is what it writes there. */
export async function becomeServer(site: Site): Promise<void> {
  if (!isRoot()) return
  await makeForServer(site)
  if (!existsSync(site.data)) return
  const { uid, gid } = statSync(site.data)
  if (uid !== 0) become(uid, gid)
}

const NOBODY = { uid: 65534, gid: 65534 }

/** As root: from here on this process may do no more than the server. False: the server's user is not there yet. */
export async function leaveRoot(site: Site): Promise<boolean> {
  if (!isRoot()) return true
  const user = await systemUsers.find(site.user)
  const { uid, gid } = user ?? NOBODY
  become(uid, gid)
  return user !== null
}

function become(uid: number, gid: number): void {
  process.setgroups!([gid])
  process.setgid!(gid)
  process.setuid!(uid)
}

/**
 * As root: from here on this process may do no more than the server of this site, which is who owns the data folder or will.
 * False: it stays as it is, since nobody is there yet whom the server could run as.
 */
export async function actAsServer(site: Site): Promise<boolean> {
  if (!isRoot()) return true
  const owner = existsSync(site.data) ? statSync(site.data) : await systemUsers.find(site.user)
  if (!owner || owner.uid === 0) return false
  become(owner.uid, owner.gid)
  return true
}
