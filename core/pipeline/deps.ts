// What both pipes stand on, and how a recipient's story is told to log and trace in one place.
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { BodySpool } from '../message/spool.ts'
import type { Generations } from '../plugin/generation.ts'
import type { Queue } from '../queue/queue.ts'
import type { Trace } from '../trace/trace.ts'

export interface PipelineDeps {
  readonly queue: Queue
  readonly generations: Generations
  readonly spool: BodySpool
  readonly clock: Clock
  readonly log: Logger
  readonly trace: Trace
}
