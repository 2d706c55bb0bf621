// The run as one JSON value, transcripts included.
import type { RunReport } from '../types.ts'

export const formatJson = (report: RunReport): string => `${JSON.stringify(report, null, 2)}\n`
