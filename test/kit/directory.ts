// Small things that tests of the directory's plugins share.
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatAddress } from '../../core/message/address.ts'
import type { NewRecipient } from '../../core/plugin/contract.ts'
import type { SystemUser } from '../../core/plugin/services.ts'

/** System accounts; user ids from 1000 on, root's is 0. */
export const systemUsers = (...names: string[]): SystemUser[] =>
  names.map((name, i) => {
    const uid = name === 'root' ? 0 : 1000 + i
    return { name, uid, gid: uid, home: `/home/${name}`, shell: '/bin/sh' }
  })

/** Replaces a file while it is in use; it is seen from now on. */
export async function writeLater(folder: string, name: string, text: string): Promise<void> {
  writeFileSync(join(folder, `${name}.new`), text)
  renameSync(join(folder, `${name}.new`), join(folder, name))
  await new Promise<void>((resolve) => setImmediate(resolve))
}

/** A list of recipients as lines: `address`, `address final`, `|command as user`. */
export const shown = (into: readonly NewRecipient[] | null): string[] | null =>
  into?.map((one) => {
    const target = one.address.domain === '' ? one.address.local : formatAddress(one.address)
    return target + (one.final ? ' final' : '') + (one.asUser ? ` as ${one.asUser}` : '')
  }) ?? null
