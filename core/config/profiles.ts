// Profiles: configuration files with blanks, the questions that fill them, and a paragraph on what they make of the machine.
import { readdirSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { z } from 'zod'
import { packageRoot } from '../base/program.ts'

export const profilesFolder = join(packageRoot, 'profiles')

const question = z.strictObject({
  key: z.string().describe('The setting that the answer fills, as `relay.host`'),
  ask: z.string(),
  example: z.string().optional(),
  /** Proposed; a text that begins with `=` names another top-level setting, which stands in for the answer. */
  default: z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).optional(),
  /** Nothing works without an answer. */
  required: z.boolean().prefault(false),
  list: z.boolean().prefault(false).describe('The answer is a list, parted by commas or spaces'),
})
export type Question = z.output<typeof question>

export const profileHead = z.strictObject({
  about: z.string().describe('Who listens, who relays, where mail ends'),
  questions: z.array(question).prefault([]),
})
export type ProfileHead = z.output<typeof profileHead>
/** Keys of a profile that a site file does not have. */
export const PROFILE_KEYS = ['about', 'questions'] as const

export const profileNames = (): readonly string[] =>
  readdirSync(profilesFolder)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort()

/** The file of a profile given by name, or by a path relative to `folder`. */
export function profilePath(name: string, folder: string): string {
  if (!name.includes('/') && !name.endsWith('.yaml')) return join(profilesFolder, `${name}.yaml`)
  return isAbsolute(name) ? name : resolve(folder, name)
}
