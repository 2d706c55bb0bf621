// A fresh ext4 of its own for one round: on a file system that has just lost many files, making new ones is slow.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

export interface FileSystem {
  readonly path: string
  /** False: a plain folder, since no loop device could be had. */
  readonly fresh: boolean
  remove(): void
}

/** Makes an image of `gib` GiB in `folder` and mounts it there; a plain folder where that is not possible. */
export function freshFileSystem(folder: string, name: string, gib = 2): FileSystem {
  const image = join(folder, `${name}.img`)
  const path = join(folder, name)
  mkdirSync(path)
  const remove = () => {
    rmSync(path, { recursive: true, force: true })
    rmSync(image, { force: true })
  }
  try {
    execFileSync('truncate', ['-s', `${gib}G`, image])
    execFileSync('mkfs.ext4', ['-q', '-F', image], { stdio: 'ignore' })
    execFileSync('mount', ['-o', 'loop', image, path], { stdio: 'ignore' })
  } catch {
    return { path, fresh: false, remove }
  }
  chmodSync(path, 0o755)
  return {
    path,
    fresh: true,
    remove() {
      // a daemon that has just ended may still hold a file for a moment
      spawnSync('umount', ['-l', path])
      remove()
    },
  }
}
