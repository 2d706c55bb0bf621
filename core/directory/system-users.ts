// System accounts as the operating system's user database has them.
import { readFileSync, statSync } from 'node:fs'
import { splitDetail } from '../message/address.ts'
import type { SystemUser, SystemUsers } from '../plugin/services.ts'

const PASSWD = '/etc/passwd'

let stamp = ''
let users: ReadonlyMap<string, SystemUser> = new Map()

/** Parses passwd(5); lines that are none are skipped. */
export function parsePasswd(text: string): Map<string, SystemUser> {
  const found = new Map<string, SystemUser>()
  for (const line of text.split('\n')) {
    const [name, , uid, gid, , home, shell] = line.split(':')
    if (!name || name.startsWith('#') || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) continue
    if (!found.has(name))
      found.set(name, { name, uid: Number(uid), gid: Number(gid), home: home ?? '/', shell: shell ?? '' })
  }
  return found
}

function current(): ReadonlyMap<string, SystemUser> {
  const { mtimeMs, size, ino } = statSync(PASSWD)
  const now = `${mtimeMs} ${size} ${ino}`
  if (now !== stamp) {
    users = parsePasswd(readFileSync(PASSWD, 'utf8'))
    stamp = now
  }
  return users
}

/** Reads /etc/passwd again whenever it changed. */
export const systemUsers: SystemUsers & { byUid(uid: number): SystemUser | null } = {
  find: async (name) => current().get(name) ?? null,
  byUid: (uid) => [...current().values()].find((user) => user.uid === uid) ?? null,
}

/** The account that mail for a local part of this site is for: its own name before another letter case, the whole before what stands before a detail. */
export async function systemUserFor(
  users: SystemUsers,
  local: string,
  delimiter: string,
): Promise<{ readonly user: SystemUser; readonly detail: string | null } | null> {
  const find = async (name: string) => (await users.find(name)) ?? users.find(name.toLowerCase())
  const whole = await find(local)
  if (whole) return { user: whole, detail: null }
  const split = splitDetail(local, delimiter)
  const user = split && (await find(split.user))
  return user ? { user, detail: split.detail } : null
}
