// The schema as data: JSON Schema for editors, and one row a key for `config explain` and the reference page.
import { z } from 'zod'
import { didYouMean } from './problems.ts'
import { configSchema } from './schema.ts'
import { formatDuration, formatSize } from './units.ts'

export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: { readonly [key: string]: JsonSchema }
  readonly additionalProperties?: JsonSchema | boolean
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly required?: readonly string[]
  readonly form?: string
  readonly short?: readonly ('string' | 'list')[]
  readonly secret?: boolean
  readonly restart?: boolean
  readonly defaultText?: string
  readonly [keyword: string]: unknown
}

/** What our own `meta` adds, which is no JSON Schema. */
const OWN_KEYWORDS = ['form', 'short', 'secret', 'restart', 'defaultText'] as const

/** A schema with our own keywords still in it. */
export const describeSchema = (schema: z.ZodType): JsonSchema =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema

/** For editors: a first line `# yaml-language-server: $schema=…` makes them check and complete. */
export function editorSchema(): JsonSchema {
  const { hostname, ...rest } = describeSchema(configSchema).properties ?? {}
  const { default: _, ...host } = hostname ?? {}
  const whole = { ...describeSchema(configSchema), properties: { profile: rest.profile!, hostname: host, ...rest } }
  return { title: 'Estafeta configuration', ...withoutNull(forEditors(whole)) }
}

function forEditors(schema: JsonSchema): JsonSchema {
  const plain = Object.fromEntries(
    Object.entries(schema).filter(([key]) => !(OWN_KEYWORDS as readonly string[]).includes(key)),
  ) as JsonSchema
  const out: JsonSchema = {
    ...plain,
    ...(schema.properties ? { properties: mapValues(schema.properties, forEditors) } : {}),
    ...(typeof schema.additionalProperties === 'object'
      ? { additionalProperties: forEditors(schema.additionalProperties) }
      : {}),
    ...(schema.items ? { items: withoutNull(forEditors(schema.items)) } : {}),
    ...(schema.anyOf ? { anyOf: schema.anyOf.map(forEditors) } : {}),
  }
  // null takes a key away from what the profile says, wherever it stands
  const short = (schema.short ?? []).map(
    (form): JsonSchema => (form === 'string' ? { type: 'string' } : { type: 'array', items: { type: 'string' } }),
  )
  const { description, default: preset, required, ...body } = out
  const partial = schema.properties ? body : { ...body, ...(required ? { required } : {}) }
  return {
    ...(description === undefined ? {} : { description }),
    ...(preset === undefined ? {} : { default: preset }),
    anyOf: [partial, ...short, { type: 'null' }],
  }
}

/** A list's items reset nothing. */
const withoutNull = (schema: JsonSchema): JsonSchema =>
  schema.anyOf ? { ...schema, anyOf: schema.anyOf.filter(({ type }) => type !== 'null') } : schema

const mapValues = (
  record: { readonly [key: string]: JsonSchema },
  map: (schema: JsonSchema) => JsonSchema,
): { [key: string]: JsonSchema } => Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))

/** One setting, for people. */
export interface SettingRow {
  /** `limits.messageSize`; `plugins.<name>.onError` */
  readonly key: string
  readonly what: string
  readonly form: string
  readonly default: string
  readonly secret: boolean
  readonly restart: boolean
}

export const settingRows = (): readonly SettingRow[] => rowsOf(describeSchema(configSchema), '')

/** Rows of any schema, a plugin's too. */
export function rowsOf(schema: JsonSchema, prefix: string): readonly SettingRow[] {
  const below = prefix === '' ? '' : `${prefix}.`
  const named = Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => [
    rowOf(below + key, inner, schema.required?.includes(key) ?? false),
    ...rowsOf(inner, below + key),
  ])
  const { additionalProperties: any, items } = schema
  const others = typeof any === 'object' && any.properties ? rowsOf(any, `${below}<name>`) : []
  return [...named, ...others, ...(items?.properties ? rowsOf(items, `${prefix}[]`) : [])]
}

function rowOf(key: string, schema: JsonSchema, required: boolean): SettingRow {
  return {
    key,
    what: schema.description ?? '',
    form: formOf(schema),
    default: key === 'hostname' ? "the system's host name" : (schema.defaultText ?? defaultOf(schema, required)),
    secret: schema.secret ?? false,
    restart: schema.restart ?? false,
  }
}

const REQUIRED = 'required'
const NONE = '–'

/** What holds where nothing is set; undefined for what then is not there. */
export const presetOf = (row: SettingRow | null): string | undefined =>
  row === null || row.default === REQUIRED || row.default === NONE ? undefined : row.default

function defaultOf(schema: JsonSchema, required: boolean): string {
  if (schema.default === undefined) return required ? REQUIRED : NONE
  if (typeof schema.default === 'number' && schema.form === 'size') return formatSize(schema.default)
  if (typeof schema.default === 'number' && schema.form === 'duration') return formatDuration(schema.default)
  const isEmptyMap = typeof schema.default === 'object' && !Array.isArray(schema.default)
  return isEmptyMap ? '–' : typeof schema.default === 'string' ? schema.default || "''" : JSON.stringify(schema.default)
}

/** What may stand there, in a word or two. */
function formOf(schema: JsonSchema): string {
  const short = (schema.short ?? []).map((form) => (form === 'string' ? 'text' : 'list'))
  return [baseForm(schema), ...short].join(', or ')
}

function baseForm(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map(String).join(' | ')
  if (schema.type === 'array') return `list of ${schema.items ? plural(baseForm(schema.items)) : 'values'}`
  if (schema.form) return schema.form
  if (schema.anyOf) return [...new Set(schema.anyOf.map(baseForm))].join(' or ')
  if (schema.type === 'object') return 'map'
  const names: { readonly [type: string]: string } = { string: 'text', boolean: 'true | false', integer: 'number' }
  return names[String(schema.type)] ?? String(schema.type ?? 'any')
}

const plural = (word: string): string =>
  word === 'text' || word.includes('|')
    ? word
    : word.endsWith('s')
      ? `${word}es`
      : word.endsWith('y')
        ? `${word.slice(0, -1)}ies`
        : `${word}s`

/** The row of a key; names in a list or under `plugins` are found by their pattern. Null, with a hint, when there is none. */
export function findRow(key: string, rows = settingRows()): { row: SettingRow | null; hint: string } {
  const pattern = key.replace(/^plugins\.[^.]+\./, 'plugins.<name>.').replace(/\[\d*\]/g, '')
  const row = rows.find((one) => one.key === key || one.key === pattern) ?? null
  return {
    row,
    hint: row
      ? ''
      : didYouMean(
          key,
          rows.map((one) => one.key),
        ),
  }
}
