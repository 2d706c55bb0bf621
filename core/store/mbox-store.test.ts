// The mbox store keeps the contract, on a real file system.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { silentLogger } from '../base/log.ts'
import { describeStore } from './contract.suite.ts'
import { openMboxStore } from './mbox-store.ts'

describeStore('mbox store', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'estafeta-mbox-'))
  const open = () => openMboxStore({ directory, clock: systemClock, log: silentLogger, hostname: 'mail.estafeta.test' })
  let store = await open()
  return {
    store,
    async reopen() {
      await store.close()
      store = await open()
      return store
    },
    async end() {
      await store.close()
      rmSync(directory, { recursive: true })
    },
  }
})
