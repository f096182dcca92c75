/** What a command can tell the readers of systems in formats of others. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { SystemOptions } from '../system/index.js';
import { collect } from './option-values.js';

export interface SystemFlags {
  readonly fmus?: readonly string[];
  readonly stepSize?: number;
  readonly systemStructure?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly scenario?: string;
  readonly logConfig?: string | false;
}

export function addSystemOptions(command: Command): Command {
  const group = (option: Option) => option.helpGroup('Systems in formats of others:');
  return command
    .addOption(
      group(
        new Option('--fmus <folder>', 'Maestro, containers: where FMUs are looked for; several times').argParser(
          collect,
        ),
      ),
    )
    .addOption(
      group(new Option('--step-size <seconds>', 'SSP, containers: where the files say none').argParser(parseSeconds)),
    )
    .addOption(group(new Option('--system-structure <name>', 'SSP: which .ssd of an archive or folder')))
    .addOption(
      group(
        new Option('--environment <name=value>', 'Maestro: value of an environment parameter; several times').argParser(
          collectPair,
        ),
      ),
    )
    .addOption(group(new Option('--scenario <file>', 'OSP: scenario to run')))
    .addOption(group(new Option('--log-config <file>', 'OSP: in place of the LogConfig.xml beside the system')))
    .addOption(group(new Option('--no-log-config', 'OSP: without that')));
}

export function toSystemOptions(flags: SystemFlags): SystemOptions {
  const { fmus, stepSize, systemStructure, environment, scenario, logConfig } = flags;
  const [first] = fmus ?? [];
  const values = Object.entries(environment ?? {}).map(([name, text]): [string, unknown] => [name, toValue(text)]);
  return {
    ...(fmus === undefined ? {} : { searchDirectories: fmus }),
    ...(first === undefined ? {} : { fmuDirectory: first }),
    ...(stepSize === undefined ? {} : { step: stepSize }),
    ...(systemStructure === undefined ? {} : { systemStructure }),
    ...(environment === undefined ? {} : { environment: Object.fromEntries(values) }),
    ...(scenario === undefined ? {} : { scenario }),
    // Commander sets true where there is only the option's negation.
    ...(typeof logConfig === 'string' || logConfig === false ? { logConfig } : {}),
  };
}

function collectPair(text: string, earlier: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected name=value.');
  return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) };
}

/** As JSON has it, else a text. */
function toValue(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? text : value;
  } catch {
    return text;
  }
}

function parseSeconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && Number.isFinite(value))) {
    throw new InvalidArgumentError('expected a number of seconds greater than 0.');
  }
  return value;
}
