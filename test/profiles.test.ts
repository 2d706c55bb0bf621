// Every profile loads with nothing but the answers that it cannot do without, and its plugins take their settings.
import { describe, expect, it } from 'vitest'
import { type LoadedConfig, loadConfig } from '../core/config/load.ts'
import { ConfigError } from '../core/config/problems.ts'
import { profileNames } from '../core/config/profiles.ts'
import { findRow } from '../core/config/reference.ts'
import { checkPlugins } from '../core/plugin/registry.ts'

const ANSWERS: { readonly [key: string]: unknown } = {
  hostname: 'mail.example.com',
  origin: 'example.com',
  domains: ['example.com'],
  postmaster: 'ana@example.com',
  networks: ['192.0.2.0/24'],
  'relay.host': ['[smarthost.example.net]:587'],
}

/** `relay.host` as `{ relay: { host } }`. */
const nested = (key: string, value: unknown): { [key: string]: unknown } =>
  key.split('.').reduceRight<unknown>((inner, part) => ({ [part]: inner }), value) as { [key: string]: unknown }

type Answers = { readonly [key: string]: unknown }
const merge = (under: Answers, over: Answers): Answers => {
  const isMap = (value: unknown): value is Answers =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  const entries = Object.entries(over).map(([key, value]) => {
    const below = under[key]
    return [key, isMap(value) && isMap(below) ? merge(below, value) : value] as const
  })
  return { ...under, ...Object.fromEntries(entries) }
}

/** The profile with its required questions answered. */
function answered(profile: string): LoadedConfig {
  const { questions } = loadConfigWith(profile, ANSWERS)
  const required = questions.filter((one) => one.required).map(({ key }) => [key, ANSWERS[key]] as const)
  return loadConfigWith(profile, Object.fromEntries(required))
}
const loadConfigWith = (profile: string, answers: { readonly [key: string]: unknown }): LoadedConfig =>
  loadConfig({
    overrides: Object.entries(answers).reduce<Answers>((all, [key, value]) => merge(all, nested(key, value)), {
      profile,
    }),
  })

describe.each(profileNames())('%s', (name) => {
  it('needs its required answers and no others', () => {
    expect(answered(name).profile).toBe(name)
    const { questions } = answered(name)
    for (const { key } of questions.filter((one) => one.required)) {
      const others = Object.fromEntries(Object.entries(ANSWERS).filter(([other]) => other !== key))
      expect(() => loadConfigWith(name, others), key).toThrow(ConfigError)
    }
  })
  it('asks about settings that exist, and proposes what they take', () => {
    const { questions } = answered(name)
    for (const { key, default: preset } of questions) {
      expect(findRow(key).row, key).not.toBeNull()
      if (preset === undefined) continue
      const filled = (one: unknown): unknown =>
        typeof one === 'string' && one.startsWith('=') ? ANSWERS[one.slice(1)] : one
      const proposed = Array.isArray(preset) ? preset.map(filled) : filled(preset)
      const list = findRow(key).row!.form.startsWith('list') && !Array.isArray(proposed) ? [proposed] : proposed
      expect(() => loadConfigWith(name, { ...ANSWERS, [key]: list }), key).not.toThrow()
    }
  })
  it('names plugins that exist, with settings that they take and an onError for each', async () => {
    const loaded = answered(name)
    const { checked, problems } = await checkPlugins(loaded, { container: null })
    expect(problems).toEqual([])
    expect(checked.map(({ entry }) => entry.name)).toEqual(
      loaded.plugins.filter(({ enabled }) => enabled).map((p) => p.name),
    )
    for (const entry of loaded.plugins)
      expect(loaded.locate(['plugins', entry.name, 'onError']), entry.name).not.toBeNull()
  })
  it('tells who listens, who relays and where mail ends', () =>
    expect(answered(name).about.length).toBeGreaterThan(100))
})

const LOOPBACK = /^(127\.|::1$)/
const listensOn = (name: string): string[] => answered(name).site.listen.map(({ host }) => host)

it('satellite, null-client, local-only and demo listen on loopback alone', () => {
  for (const name of ['satellite', 'null-client', 'local-only', 'demo'])
    expect(
      listensOn(name).every((host) => LOOPBACK.test(host)),
      name,
    ).toBe(true)
})

it('inbound-only and local-only let no network relay', () => {
  for (const name of ['inbound-only', 'local-only']) {
    const loaded = answered(name)
    expect(loaded.site.networks, name).toEqual([])
    expect(
      loaded.site.listen.filter(({ service }) => service.startsWith('submission')),
      name,
    ).toEqual([])
  }
})
