// For `node --import`: makes `estafeta/plugin` and `estafeta/testing` resolve in a process that is not the server.
import { registerResolveHook } from './resolve-hook.ts'

registerResolveHook()
