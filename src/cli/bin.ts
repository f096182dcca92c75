#!/usr/bin/env node
/**
 * The `twinbridge` command as it is installed: bundled (tools/bundle-cli.mjs), so that what is used of the master here
 * costs next to nothing.
 */
import { RunThread } from '../master/index.js';

// It takes as long to get ready as all that comes before a run.
const [command, ...args] = process.argv.slice(2);
if (command === 'run' && !args.includes('--help') && !args.includes('-h')) RunThread.startAhead();

void import('./program.js');
