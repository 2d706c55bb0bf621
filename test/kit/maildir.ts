// Waits for mail in a Maildir that another program delivers to.
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs'
import { dirname, join } from 'node:path'

/** The next message, as latin1 text, taken out of the Maildir; waits for the folder too. */
export async function nextDelivery(maildir: string): Promise<string> {
  const folder = join(maildir, 'new')
  await appearance(folder)
  const watcher = watch(folder)
  try {
    for (;;) {
      const [name] = readdirSync(folder)
      if (name !== undefined) {
        const text = readFileSync(join(folder, name), 'latin1')
        rmSync(join(folder, name))
        return text
      }
      await once(watcher, 'change')
    }
  } finally {
    watcher.close()
  }
}

/** Watches the nearest folder above that is there, level by level. */
async function appearance(folder: string): Promise<void> {
  while (!existsSync(folder)) {
    let above = dirname(folder)
    while (!existsSync(above)) above = dirname(above)
    const watcher = watch(above)
    const changed = once(watcher, 'change')
    // it may have come between the look and the watch
    if (!existsSync(folder) && !appearedBelow(above, folder)) await changed
    else changed.catch(() => {})
    watcher.close()
  }
}

const appearedBelow = (above: string, folder: string): boolean => {
  let next = folder
  while (dirname(next) !== above) next = dirname(next)
  return existsSync(next)
}
