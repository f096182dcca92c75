/** From a configuration to a bridge FMU. */
export { type BuildOptions, type BuildReport, buildBridgeFmu } from './build-bridge-fmu.js';
export { BridgeBuildError, CredentialInFmuError } from './errors.js';
