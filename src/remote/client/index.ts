/** What is needed to run remote FMUs; loaded by systems that have some. */
export { describeRemote } from './describe.js';
export { type PreparedRemotes, prepareRemotes, type RemoteComponent, type RemoteEvent } from './targets.js';
