/** What is needed to run remote FMUs; loaded by systems that have some. */
export { describeRemote } from './describe.js';
export { RemoteDescriptionError } from './errors.js';
export { type PreparedRemotes, prepareRemotes, type RemoteComponent } from './targets.js';
