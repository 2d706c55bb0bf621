import { expect, it } from 'vitest'
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts'

it.each([
  ['50MiB', 52_428_800],
  ['50 mib', 52_428_800],
  ['1.5KiB', 1536],
  ['200KB', 200_000],
  ['7B', 7],
  [4096, 4096],
  ['0', 0],
] as const)('reads the size %s', (text, octets) => expect(parseSize(text)).toEqual({ ok: true, value: octets }))

it.each([
  ['5d', 432_000_000],
  ['4h', 14_400_000],
  ['30s', 30_000],
  ['250ms', 250],
  ['2w', 1_209_600_000],
  ['0', 0],
  [0, 0],
] as const)('reads the duration %s', (text, ms) => expect(parseDuration(text)).toEqual({ ok: true, value: ms }))

it.each(['', 'x', '5x', '-1', '5 d d', '9999999999TiB'])('refuses %s as a size', (text) =>
  expect(parseSize(text).ok).toBe(false),
)
it.each(['', '5', '5x', '-1s', '1h30m'])('refuses %s as a duration', (text) =>
  expect(parseDuration(text).ok).toBe(false),
)

it('writes them with the largest unit that fits', () => {
  expect([0, 1, 1536, 52_428_800, 2 ** 40].map(formatSize)).toEqual(['0', '1B', '1536B', '50MiB', '1TiB'])
  expect([0, 250, 90_000, 14_400_000, 432_000_000].map(formatDuration)).toEqual(['0', '250ms', '90s', '4h', '5d'])
})
