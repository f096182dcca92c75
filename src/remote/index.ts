/** FMUs elsewhere: what names them. What talks to them stands in folders of its own, and is loaded when it is needed. */
export {
  type FmuProxyFmu,
  formatRemoteSource,
  isRemoteScheme,
  isRunByOurs,
  isStartedHere,
  localFileOf,
  locateFile,
  REMOTE_SCHEMES,
  type RemoteSource,
  readRemoteUri,
  relativeReference,
  resolveRemoteSource,
  type SourceFault,
  schemeOf,
  unknownScheme,
} from './source.js';
