// Sizes and durations as people write them (50MiB, 5d, 4h, 0), and back.
import { err, ok, type Result } from '../base/result.ts'

const SIZES = {
  B: 1,
  KB: 1e3,
  KiB: 2 ** 10,
  MB: 1e6,
  MiB: 2 ** 20,
  GB: 1e9,
  GiB: 2 ** 30,
  TB: 1e12,
  TiB: 2 ** 40,
} as const
const TIMES = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86400e3, w: 7 * 86400e3 } as const

function parse(text: string | number, units: { readonly [unit: string]: number }): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(String(text))
  if (!match) return null
  const unit = Object.keys(units).find((name) => name.toLowerCase() === match[2]!.toLowerCase())
  if (unit === undefined && match[2] !== '') return null
  const value = Number(match[1]) * (unit === undefined ? 1 : units[unit]!)
  return Number.isSafeInteger(Math.round(value)) ? Math.round(value) : null
}

/** Octets. A number without a unit counts octets. */
export function parseSize(text: string | number): Result<number> {
  const value = parse(text, SIZES)
  return value === null ? err('expected a size such as 50MiB, 200KB or 0') : ok(value)
}

/** Milliseconds. Only 0 goes without a unit. */
export function parseDuration(text: string | number): Result<number> {
  const value = parse(text, TIMES)
  const bare = /^\s*[\d.]+\s*$/.test(String(text))
  if (value === null || (bare && value !== 0))
    return err('expected a duration such as 30s, 4h or 5d (units: ms s m h d w)')
  return ok(value)
}

function format(value: number, units: readonly (readonly [string, number])[], smallest: string): string {
  if (value === 0) return '0'
  const unit = units.find(([, factor]) => value % factor === 0)
  return unit ? `${value / unit[1]}${unit[0]}` : `${value}${smallest}`
}

const BINARY = [
  ['TiB', SIZES.TiB],
  ['GiB', SIZES.GiB],
  ['MiB', SIZES.MiB],
  ['KiB', SIZES.KiB],
] as const
const LARGEST_FIRST = Object.entries(TIMES)
  .reverse()
  .filter(([unit]) => unit !== 'w')

export const formatSize = (octets: number): string => format(octets, BINARY, 'B')
export const formatDuration = (ms: number): string => format(ms, LARGEST_FIRST, 'ms')
