/** Servers of FMUs: the booter of proxyfmu, and FMU-proxy. Who may use them, and what FMUs may do there. */
export { Access, AccessError, type AccessRules, isLoopback } from './access.js';
export { Booter, type BooterOptions, DEFAULT_MAX_FMU_BYTES } from './booter.js';
export { formatEvent, type OnEvent, type RemoteEvent } from './events.js';
export { FmuProxyServer, type FmuProxyServerOptions } from './fmu-proxy.js';
export { checkUrlPrefix, FmuUrlError } from './fmu-source.js';
export { FmuTooLargeToLoadError } from './fmu-store.js';
export { InstanceStartError, NoPortError, type PortRange, type SandboxOptions } from './instance-process.js';
export { TooManyInstancesError } from './instances.js';
