/** Remote FMUs as FMUs for any tool. */
export { WrapError, WrapPartError } from './errors.js';
export { type WrapOptions, type WrapReport, wrapRemoteFmu } from './wrap-remote-fmu.js';
