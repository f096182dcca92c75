/** What FMUs may do: options of all commands that run FMUs for others. */
import { type Command, InvalidArgumentError } from 'commander';
import type { SandboxOptions } from '../remote/server/index.js';

export interface SandboxFlags {
  readonly user?: string;
  readonly newPrivileges: boolean;
  readonly maxMemory?: number;
  readonly maxCpu?: number;
  readonly maxFiles?: number;
  readonly maxProcesses?: number;
}

export function addSandboxOptions(command: Command): Command {
  return command
    .optionsGroup('What an FMU may do (Linux, macOS):')
    .option('--user <name>', 'run FMUs as this user (as root only)')
    .option('--no-new-privileges', 'no program that an FMU starts gets more rights (Linux)')
    .option('--max-memory <size>', 'address space of an instance', parseBytes)
    .option('--max-cpu <seconds>', 'processor time of an instance', parseCount)
    .option('--max-files <n>', 'files that an instance has open', parseCount)
    .option('--max-processes <n>', 'processes and threads of the user of an instance', parseCount);
}

export function sandboxOf(flags: SandboxFlags): SandboxOptions {
  const { user, newPrivileges, maxMemory, maxCpu, maxFiles, maxProcesses } = flags;
  return {
    ...(user === undefined ? {} : { user }),
    ...(newPrivileges ? {} : { noNewPrivileges: true }),
    ...(maxMemory === undefined ? {} : { maxMemory }),
    ...(maxCpu === undefined ? {} : { maxCpu }),
    ...(maxFiles === undefined ? {} : { maxFiles }),
    ...(maxProcesses === undefined ? {} : { maxProcesses }),
  };
}

export function parseCount(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected is a whole number from 1.');
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

export function parseBytes(text: string): number {
  const [, number, unit = ''] = /^(\d{1,15})([KMG]?)(?:i?B)?$/i.exec(text) ?? [];
  const bytes = Number(number) * (UNITS[unit.toUpperCase()] ?? Number.NaN);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new InvalidArgumentError('expected is a size: 52428800, 200M, 4G.');
}
