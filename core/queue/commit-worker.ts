// The commit thread: runs the queue's jobs against the real file system, one after another.
import { parentPort } from 'node:worker_threads'
import { nodeFiles } from '../base/node-files.ts'
import { type Job, JobRunner } from './commit-job.ts'

const runner = new JobRunner(nodeFiles)

parentPort?.on('message', (job: Job) => {
  const result = runner.run(job)
  parentPort?.postMessage(result, result.buffer ? [result.buffer] : [])
})
