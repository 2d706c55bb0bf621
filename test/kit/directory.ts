// A real directory over files in a scratch folder: for tests of plugins that ask it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeClock } from '../../core/base/clock.ts'
import { silentLogger } from '../../core/base/log.ts'
import type { Site } from '../../core/config/site.ts'
import { type OpenDirectory, openDirectory } from '../../core/directory/open-directory.ts'
import { formatAddress } from '../../core/message/address.ts'
import { defaultMailParameters } from '../../core/message/envelope.ts'
import type { NewRecipient, QueuedFacts, QueuedRecipient } from '../../core/plugin/contract.ts'
import type { SystemUsers } from '../../core/plugin/services.ts'
import { address } from './message-facts.ts'
import { testSite } from './site.ts'

export interface TestDirectory {
  readonly data: string
  readonly site: Site
  readonly directory: OpenDirectory
  /** Writes a file under the data folder; seen from the next turn of the event loop on. */
  write(name: string, text: string): Promise<void>
  close(): void
}

/** `files` by name under the data folder; without `users.yaml` an empty one is written. */
export function openTestDirectory(
  files: { readonly [name: string]: string },
  changes: Partial<Site> = {},
): TestDirectory {
  const data = mkdtempSync(join(tmpdir(), 'estafeta-directory-'))
  for (const [name, text] of Object.entries({ 'users.yaml': '', ...files })) writeFileSync(join(data, name), text)
  const site = testSite(data, changes)
  return {
    data,
    site,
    directory: openDirectory({ site, clock: new FakeClock(), log: silentLogger }),
    async write(name, text) {
      writeFileSync(join(data, name), text)
      await new Promise<void>((resolve) => setImmediate(resolve))
    },
    close: () => rmSync(data, { recursive: true }),
  }
}

/** System accounts by name; user ids from 1000 on, root is 0. */
export const systemUsers = (...names: string[]): SystemUsers => ({
  find: async (name) => {
    const i = names.indexOf(name)
    const uid = name === 'root' ? 0 : 1000 + i
    return i < 0 ? null : { name, uid, gid: uid, home: `/home/${name}`, shell: '/bin/sh' }
  },
})

export function queuedRecipient(to: string, from: string | null = 'sender@outside.test'): QueuedRecipient {
  return {
    n: 0,
    parent: null,
    address: address(to),
    reversePath: from === null ? null : address(from),
    notify: ['failure'],
    orcpt: null,
    status: 'pending',
    attempts: 0,
    due: 0,
    lastReply: null,
    lastRelay: null,
    lane: null,
    delayWarned: false,
  }
}

export const queuedFacts: QueuedFacts = {
  queueId: '0123456789abcdef',
  origin: { session: null, transaction: null, service: 'smtp', ip: null, helo: null, account: null },
  arrived: 0,
  expires: 0,
  size: 1000,
  messageId: null,
  parameters: defaultMailParameters,
}

/** A list of recipients as lines: `address`, `address final`, `|command as user`. */
export const shown = (into: readonly NewRecipient[] | null): string[] | null =>
  into?.map((one) => {
    const target = one.address.domain === '' ? one.address.local : formatAddress(one.address)
    return target + (one.final ? ' final' : '') + (one.asUser ? ` as ${one.asUser}` : '')
  })
