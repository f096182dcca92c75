/** Servers of FMUs: the booter of proxyfmu, and FMU-proxy. Who may use them, and what FMUs may do there. */

export { FmuTooLargeToLoadError } from '../instance/fmu-store.js';
export { InstanceStartError, type SandboxOptions } from '../instance/process.js';
export { Access, AccessError, type AccessRules } from './access.js';
export { Booter, type BooterOptions, DEFAULT_MAX_FMU_BYTES } from './booter.js';
export { formatEvent, type OnEvent, type RemoteEvent } from './events.js';
export { FmuProxyServer, type FmuProxyServerOptions } from './fmu-proxy.js';
export { checkUrlPrefix, FmuUrlError } from './fmu-source.js';
export { TooManyInstancesError } from './instances.js';
export { NoPortError, type PortRange } from './ports.js';
