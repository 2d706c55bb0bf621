// Draws a statechart as a Mermaid diagram and tables, from the machine itself (docs/charts/).

/** As much of an XState state node as a drawing needs. */
export interface ChartNode {
  readonly key: string
  readonly path: readonly string[]
  readonly type: string
  readonly tags: readonly string[]
  readonly states: { readonly [key: string]: ChartNode }
  readonly initial: { readonly target: readonly ChartNode[] }
  readonly meta?: unknown
  /** By event descriptor, in the order that they are tried. */
  readonly transitions: ReadonlyMap<string, readonly ChartTransition[]>
}

export interface ChartTransition {
  readonly eventType: string
  readonly target?: readonly ChartNode[] | undefined
  readonly guard?: unknown
}

export interface Chart {
  readonly root: ChartNode
}

/** A page: the diagram, what every state waits for and takes, and the transitions that hold in every state. */
export function drawChart(chart: Chart, title: string): string {
  const { root } = chart
  const lines = [
    `# ${title}`,
    '',
    '<!-- Drawn from the machine by test/charts.test.ts; change the machine, not this page. -->',
    '',
  ]
  lines.push('```mermaid', 'stateDiagram-v2', '  direction TB', ...drawStates(root, '  '), '```', '')
  const everywhere = arrows(root).map(({ label, target }) => `- \`${label}\` leads to \`${target}\``)
  if (everywhere.length > 0) lines.push('From every state:', '', ...everywhere, '')
  lines.push(...stateTable(root))
  return lines.join('\n') + '\n'
}

function drawStates(parent: ChartNode, indent: string): string[] {
  const lines: string[] = []
  const children = Object.values(parent.states)
  if (children.length === 0) return lines
  const first = parent.initial.target[0]
  if (first) lines.push(`${indent}[*] --> ${idOf(first)}`)
  for (const child of children) {
    if (Object.keys(child.states).length > 0) {
      lines.push(`${indent}state ${idOf(child)} {`, ...drawStates(child, indent + '  '), `${indent}}`)
    }
    lines.push(...drawArrows(child, indent))
    if (child.type === 'final') lines.push(`${indent}${idOf(child)} --> [*]`)
  }
  return lines
}

/** One arrow for each pair of states, with all that leads along it. */
function drawArrows(node: ChartNode, indent: string): string[] {
  const labels = new Map<string, string[]>()
  for (const { label, target } of arrows(node)) labels.set(target, [...(labels.get(target) ?? []), label])
  return [...labels].map(([target, all]) => `${indent}${idOf(node)} --> ${target} : ${all.join(', ')}`)
}

interface Arrow {
  readonly label: string
  readonly target: string
}

/** Transitions that change the state. */
function arrows(node: ChartNode): Arrow[] {
  return [...node.transitions.values()].flat().flatMap(({ eventType, target, guard }) => {
    const label = guard === undefined ? shortName(eventType) : `${shortName(eventType)} [${guardName(guard)}]`
    return (target ?? []).map((state) => ({ label, target: idOf(state) }))
  })
}

function stateTable(root: ChartNode): string[] {
  const rows = allStates(root).map((node) => {
    const { waitsFor, timeoutMs } = (node.meta ?? {}) as { waitsFor?: string; timeoutMs?: number }
    const here = [...node.transitions.values()]
      .flat()
      .filter(({ target }) => target === undefined || target.length === 0)
      .map(({ eventType }) => `\`${shortName(eventType)}\``)
    const limit = timeoutMs === undefined ? '' : `${timeoutMs / 1000} s`
    return `| ${idOf(node)} | ${waitsFor ?? ''} | ${limit} | ${node.tags.join(', ')} | ${here.join(' ')} |`
  })
  return [
    '| state | waits for | at most | tags | taken without leaving it |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ]
}

const allStates = (node: ChartNode): ChartNode[] =>
  Object.values(node.states).flatMap((child) => [child, ...allStates(child)])

const idOf = (node: ChartNode): string => node.path.join('_') || node.key

/** Mermaid ends a label at a colon or semicolon. */
const shortName = (event: string): string => event.replace(/[:;]/g, '_')

function guardName(guard: unknown): string {
  if (typeof guard === 'string') return guard
  if (typeof guard === 'function') return guard.name || 'guard'
  const { type, params } = guard as { type: string; params?: unknown }
  return params === undefined ? type : `${type} ${JSON.stringify(params)}`
}
