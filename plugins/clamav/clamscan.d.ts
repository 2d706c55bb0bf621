// The part of clamscan 2.4.0 that the plugin uses; the package brings no types of its own.
declare module 'clamscan' {
  import type { Socket } from 'node:net'
  import type { Readable } from 'node:stream'

  export interface ScanResult {
    readonly isInfected: boolean | null
    readonly viruses: readonly string[]
    readonly resultString: string
    readonly timeout: boolean
  }

  export default class NodeClam {
    init(options: object): Promise<this>
    scanStream(stream: Readable): Promise<ScanResult>
    /** Opens the connection of one scan. */
    protected _initSocket(label?: string): Promise<Socket>
  }
}
