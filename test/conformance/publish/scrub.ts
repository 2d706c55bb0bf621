// Takes out of results what says something about the machine they were made on: its names and its folders.
import { readFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import type { RunReport } from '../../../conformance/index.ts'

/** The machine's own name, and those that its hosts file gives loopback. */
function machineNames(): readonly string[] {
  const lines = readFileSync('/etc/hosts', 'utf8').split('\n')
  const names = lines
    .map((line) => line.replace(/#.*/, '').trim().split(/\s+/))
    .flatMap(([address = '', ...rest]) => (/^(127\.|::1$)/.test(address) ? rest : []))
  return [...new Set([hostname(), ...names])].filter((name) => !/^(localhost|ip6-)/.test(name))
}

export function createScrubber(): (report: RunReport) => RunReport {
  const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const names = new RegExp(`(?<![\\w.])(?:${machineNames().map(literally).join('|')})(?![\\w-])`, 'g')
  const folders = new RegExp(`${literally(tmpdir())}/estafeta-[\\w-]+`, 'g')
  const scrub = (text: string): string => text.replace(names, 'host.example').replace(folders, '/scratch')
  return (report) => ({
    ...report,
    server: report.server.replace(/:\d+$/, ''),
    results: report.results.map((result) => ({
      ...result,
      reason: result.reason === null ? null : scrub(result.reason),
      transcript: result.transcript.map((entry) => ({ ...entry, text: scrub(entry.text) })),
    })),
  })
}
