// Accepting 4 KiB messages and delivering them into 100 Maildirs, every file synced, until the queue is empty.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../kit/free-port.ts'
import { alternate, place, type Work } from '../context.ts'
import { freshFileSystem } from '../file-system.ts'
import { startMeasuredPostfix } from '../peer.ts'
import { MAIL_UID, startEstafeta, USERS, writeUsers } from '../server.ts'
import { type LoadResult, runLoad, warmUp } from '../smtp-load.ts'

const LOAD = { sessions: 10, messages: 2000, size: 4096, kept: false, to: 'user@peer.test', number: true } as const

/** The running number before the recipient, by its last two digits, as one of the 100 users. */
const RULES = ['/^([0-9])user@peer\\.test$/ m0$1@peer.test', '/^[0-9]*([0-9][0-9])user@peer\\.test$/ m$1@peer.test']

export const deliver: Work = {
  name: 'deliver',
  description: 'accept 4 KiB messages and deliver them into 100 Maildirs',
  async run(context) {
    const folder = place(context, 'deliver')
    let plain = false
    const onFreshDisk = (name: string, measure: (path: string) => Promise<LoadResult>) => async () => {
      const disk = freshFileSystem(folder, `${name}-${Math.round(performance.now())}`)
      plain ||= !disk.fresh
      try {
        return await measure(disk.path)
      } finally {
        disk.remove()
      }
    }
    const pair = await alternate(
      context,
      'accept and deliver, s=10',
      onFreshDisk('ours', measureOurs),
      onFreshDisk('theirs', measureTheirs),
      (r) => `${r.donePerSecond.toFixed(0)}/s (${r.cpuUs.toFixed(0)} µs CPU)`,
    )
    if (plain) context.say('no loop device: measured in plain folders of one file system')
    const of = (key: keyof LoadResult) => ({
      ours: pair.ours.map((r) => r[key]),
      theirs: pair.theirs.map((r) => r[key]),
    })
    return [
      {
        ...of('donePerSecond'),
        work: 'accept and deliver into 100 Maildirs, s=10',
        unit: 'messages/s',
        peer: 'Postfix virtual(8)',
        better: 'higher',
        target: { ratio: 2.5 },
      },
      { ...of('cpuUs'), work: '  CPU a message', unit: 'µs', peer: 'Postfix virtual(8)', better: 'lower' },
    ]
  },
}

async function measureOurs(path: string): Promise<LoadResult> {
  const port = await freePort()
  writeUsers(join(path, 'data'))
  writeFileSync(join(path, 'virtual'), RULES.map((rule) => `${rule}\n`).join(''), { mode: 0o644 })
  const server = await startEstafeta(
    path,
    { listen: { smtp: [`127.0.0.1:${port}`] }, plugins: { 'virtual-users': { maps: ['regexp:virtual'] } } },
    [port],
  )
  try {
    await warmUp(server, port, LOAD)
    return await runLoad(server, port, LOAD)
  } finally {
    await server.stop()
  }
}

async function measureTheirs(path: string): Promise<LoadResult> {
  writeFileSync(join(path, 'alias.pcre'), RULES.map((rule) => `${rule}\n`).join(''))
  const server = await startMeasuredPostfix({
    folder: path,
    mailboxes: USERS.map((name) => `${name}@peer.test`),
    main: {
      virtual_alias_maps: `pcre:${join(path, 'alias.pcre')}`,
      virtual_uid_maps: `static:${MAIL_UID}`,
      virtual_gid_maps: `static:${MAIL_UID}`,
    },
  })
  try {
    await warmUp(server, server.postfix.port, LOAD)
    return await runLoad(server, server.postfix.port, LOAD)
  } finally {
    await server.stop()
  }
}
