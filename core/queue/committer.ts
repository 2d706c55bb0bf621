// Where the queue's jobs run: on a thread of their own, or at once in this one.
import { Worker } from 'node:worker_threads'
import type { Files } from '../base/files.ts'
import { type Job, type JobResult, JobRunner } from './commit-job.ts'

/** Runs jobs in the order in which they were given. Never rejects: a dead thread is a failed job. */
export interface Committer {
  run(job: Job): Promise<JobResult>
  /** When the jobs given so far are done. */
  close(): Promise<void>
}

/** Blocks the caller: for command-line tools and tests, where nobody else waits. */
export function createInlineCommitter(files: Files): Committer {
  const runner = new JobRunner(files)
  return {
    run: async (job) => runner.run(job),
    close: async () => runner.close(),
  }
}

const PROGRAM = new URL('./commit-worker' + (import.meta.url.endsWith('.ts') ? '.ts' : '.js'), import.meta.url)

/** One thread, started with the first job (and after its death with the next), away from libuv's pool where password hashes take their time. */
export function createWorkerCommitter(program = PROGRAM): Committer {
  let worker: Worker | null = null
  const waiting: ((result: JobResult) => void)[] = []

  let ended = () => {}

  const fail = (why: string) => {
    worker = null
    const result: JobResult = { ok: false, error: why, full: false, syncs: 0, buffer: null }
    for (const resolve of waiting.splice(0)) resolve(result)
    ended()
  }
  const start = (): Worker => {
    const started = new Worker(program, { name: 'commit' })
    started.on('message', (result: JobResult) => {
      waiting.shift()?.(result)
      if (waiting.length > 0) return
      started.unref()
      ended()
    })
    started.on('error', (error) => worker === started && fail(`the commit thread failed: ${(error as Error).message}`))
    started.on('exit', (code) => worker === started && fail(`the commit thread ended with code ${code}`))
    return started
  }
  return {
    run(job) {
      return new Promise((resolve) => {
        worker ??= start()
        worker.ref()
        waiting.push(resolve)
        worker.postMessage(job, job.kind === 'commit' ? [job.buffer] : [])
      })
    },
    async close() {
      if (waiting.length > 0)
        await new Promise<void>((resolve) => {
          ended = resolve
        })
      const ending = worker
      worker = null
      await ending?.terminate()
    },
  }
}
