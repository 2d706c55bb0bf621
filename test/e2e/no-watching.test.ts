// A machine whose watches of files are all in use: the server starts all the same, and looks by itself.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { dropInPickup } from '../../core/pipeline/pickup.ts'
import { BIN } from '../kit/command.ts'
import { startDaemon } from '../kit/daemon.ts'
import { freeDemoOffset } from '../kit/free-port.ts'

/** A user namespace that may watch nothing, and in it another whose user is not root. */
const inside = (command: string): readonly string[] => [
  ...['--user', '--map-root-user', 'sh', '-c'],
  `echo 0 > /proc/sys/user/max_inotify_instances && exec unshare --user --map-user=1000 --map-group=1000 ${command}`,
]

const probe = spawnSync('unshare', inside('true'), { encoding: 'utf8' })
const reason = probe.status === 0 ? null : `no user namespaces here: ${probe.stderr ?? probe.error?.message}`
if (reason !== null) console.log(`no-watching.test.ts: not run: ${reason}`)

test.runIf(reason === null)('mail left in the pickup folder is found without a watch', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-no-watching-'))
  const offset = await freeDemoOffset()
  const command = `${BIN}estafeta demo --folder ${join(folder, 'demo')} --port-offset ${offset}`
  const demo = startDaemon('unshare', inside(command))
  try {
    await demo.said(/pickup: new mail is looked for every 5 seconds, since the folder cannot be watched: .*EMFILE/)
    await demo.said(/Mail that fails on purpose/)
    const envelope = {
      sender: 'ana@estafeta.test',
      recipients: ['paco@estafeta.test'],
      notify: null,
      ret: null,
      envid: null,
    }
    dropInPickup(join(folder, 'demo', 'data'), envelope, Buffer.from('Subject: x\r\n\r\nx\r\n'))
    await demo.said(/pickup: .* taken in/)
  } finally {
    await demo.stop()
    rmSync(folder, { recursive: true })
  }
})
