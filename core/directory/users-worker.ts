// Parses a large users.yaml on a thread of its own: ten thousand users take a second or more.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { moduleUrl } from '../base/program.ts'
import { parseUsersFile, type UsersFile } from './users-file.ts'
import type { Parsed } from './watched-file.ts'

interface Job {
  readonly usersFile: { readonly text: string; readonly path: string; readonly quota: number }
}

/** As `parseUsersFile`; rejects when the thread fails. */
export function parseUsersAside(text: string, path: string, quota: number): Promise<Parsed<UsersFile>> {
  const job: Job = { usersFile: { text, path, quota } }
  return new Promise((resolve, reject) => {
    const worker = new Worker(moduleUrl('core/directory/users-worker'), { workerData: job })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`its parser ended with ${code}`)))
    worker.unref()
  })
}

const job = isMainThread ? undefined : (workerData as Partial<Job> | null)?.usersFile
if (job) parentPort?.postMessage(parseUsersFile(job.text, job.path, job.quota))
