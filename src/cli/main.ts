#!/usr/bin/env node
/** The `twinbridge` command. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { ExitCode, formatLocation, InvalidFileError, TwinbridgeError } from '../support/errors.js';
import { registerBroker } from './broker.js';
import { registerBuild } from './build.js';
import { registerDemo } from './demo.js';
import { registerInfo } from './info.js';
import { registerInit } from './init.js';
import { registerReplay } from './replay.js';
import { registerRun } from './run.js';
import { registerValidate } from './validate.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('twinbridge')
  .description('Data broker FMU and digital-twin bridge over AMQP.')
  .version(version)
  .showHelpAfterError("(see 'twinbridge help <command>')")
  .exitOverride()
  .addHelpText(
    'after',
    `
Exit codes: 0 ok, 1 run failed, 2 usage, 3 invalid input, 4 broker unreachable, 5 deadline missed.`,
  );

for (const register of [
  registerDemo,
  registerInit,
  registerBuild,
  registerRun,
  registerReplay,
  registerBroker,
  registerInfo,
  registerValidate,
]) {
  register(program);
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  if (!(error instanceof TwinbridgeError)) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return ExitCode.runFailed;
  }
  // A file's problems already name their places.
  const location =
    error instanceof InvalidFileError || error.location === undefined ? '' : `${formatLocation(error.location)}: `;
  const text = error.message.startsWith(location) ? error.message : `${location}${error.message}`;
  process.stderr.write(`${text}${error.remedy === undefined ? '' : `\n  ${error.remedy}`}\n`);
  return error.exitCode;
}
