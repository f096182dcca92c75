/**
 * `twinbridge open-fmu FILE`: not for users. The program that serves an FMU (fmu-shim/proxyfmu) starts it for one that is not
 * in the cache as it was recorded: unpacks it, says on standard output what the program has to know of it, and holds the
 * unpacked folder until its standard input ends.
 */
import { writeSync } from 'node:fs';
import type { Command } from 'commander';
import { openCachedFmuForPrograms, openedRecord } from '../fmi/index.js';

export function registerOpenFmu(program: Command): void {
  program
    .command('open-fmu', { hidden: true })
    .description('Opens an FMU for a program that serves it.')
    .argument('<file>')
    .action(openForProgram);
}

async function openForProgram(file: string): Promise<void> {
  // Whatever happens: who has started it is gone.
  const leave = () => process.exit(0);
  process.stdin.resume().once('close', leave);
  try {
    writeAll(`${openedRecord(await openCachedFmuForPrograms(file))}end\n`);
  } catch (error) {
    process.stdin.off('close', leave).destroy();
    throw error;
  }
}

function writeAll(text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(process.stdout.fd, bytes, at);
}
