// Where the queue's jobs run: on a thread of their own, or at once in this one.
import { Worker } from 'node:worker_threads'
import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import { moduleUrl } from '../base/program.ts'
import { type CommitJob, type Job, type JobResult, JobRunner } from './commit-job.ts'

/** Runs jobs in the order in which they were given. Never rejects: a dead thread is a failed job. */
export interface Committer {
  /** `alone`: nothing else is going on, so that the shortest way to the disk is the best. */
  run(job: Job, alone?: boolean): Promise<JobResult>
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

/** What this thread may be held up by a job that is alone, ms; after a longer one … */
const BRIEF_MS = 2
/** … so many such jobs go to the other thread. */
const CAUTION = 500

/**
 * A message that comes alone is committed here, while the disk is quick: two changes of thread take as long as its sync.
 * Everything else goes to the thread of `aside`.
 */
export function createShortestCommitter(aside: Committer, files: Files, clock: Clock): Committer {
  const here = new JobRunner(files)
  let under = 0
  let caution = 0
  const isBrief = (job: Job): job is CommitJob =>
    job.kind === 'commit' && job.create === null && job.allocate === job.allocated
  return {
    async run(job, alone = false) {
      if (!alone || under > 0 || !isBrief(job) || caution-- > 0) {
        under++
        const result = await aside.run(job)
        under--
        return result
      }
      const started = clock.mono()
      const result = here.run(job)
      caution = clock.mono() - started > BRIEF_MS ? CAUTION : 0
      return result
    },
    async close() {
      await aside.close()
      here.close()
    },
  }
}

/** One thread, started with the first job (and after its death with the next), away from libuv's pool where password hashes take their time. */
export function createWorkerCommitter(program = moduleUrl('core/queue/commit-worker')): Committer {
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
