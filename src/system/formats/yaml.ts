/** The system file: `twinbridge: system`, in YAML. */
import { dirname, resolve } from 'node:path';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import type { Problem } from '../../support/errors.js';
import { compileSchema, type LocatedFile, parseYaml, readYamlFile } from '../../support/yaml-file.js';
import type { DraftComponent, DraftPort, SystemDraft } from '../draft.js';
import { resolveSystem } from '../resolve.js';
import type { Pace, System } from '../system.js';

/** JSON Schema (draft 2020-12) of the file; editors complete and check with it. */
export const SYSTEM_SCHEMA: Readonly<Record<string, unknown>> = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'twinbridge system',
  description: 'A co-simulation: FMUs, the connections between them, and how to run them.',
  type: 'object',
  required: ['twinbridge', 'components', 'step'],
  additionalProperties: false,
  properties: {
    twinbridge: { description: 'The kind of this file.', type: 'string', enum: ['system'] },
    components: {
      description: 'FMU instances by name. A name has no dots.',
      type: 'object',
      minProperties: 1,
      propertyNames: { pattern: '^[^.\\s]+$' },
      additionalProperties: {
        type: 'object',
        required: ['fmu'],
        additionalProperties: false,
        properties: {
          fmu: { description: 'The archive, relative to this file.', type: 'string', minLength: 1 },
          start: {
            description: 'Start values of parameters, inputs and other variables that may have one.',
            type: 'object',
            additionalProperties: { type: ['number', 'boolean', 'string'] },
          },
        },
      },
    },
    connections: {
      description: "'component.output -> component.input', or a mapping with from and to.",
      type: 'array',
      items: {
        type: ['string', 'object'],
        required: ['from', 'to'],
        additionalProperties: false,
        properties: {
          from: { description: 'component.output', type: 'string' },
          to: { description: 'component.input', type: 'string' },
        },
      },
    },
    step: { description: 'Communication step size, s.', type: 'number', exclusiveMinimum: 0 },
    start: { description: 'Start time, s; default 0.', type: 'number' },
    stop: { description: "Stop time, s, or 'never' (the default).", type: ['number', 'string'], pattern: '^never$' },
    pace: {
      description: "'fast' (the default): no waiting; 'realtime'; or simulated seconds per second.",
      type: ['number', 'string'],
      pattern: '^(fast|realtime)$',
      exclusiveMinimum: 0,
    },
    record: {
      description: 'Results as CSV.',
      type: 'object',
      additionalProperties: false,
      properties: {
        file: { description: 'Relative to this file.', type: 'string', minLength: 1 },
        variables: {
          description: "Names as component.variable, '*' for any characters; default: all outputs.",
          type: 'array',
          items: { type: 'string' },
        },
      },
    },
    logging: {
      description: 'By component: the debug categories to switch on, or true for all.',
      type: 'object',
      additionalProperties: { type: ['boolean', 'array'], items: { type: 'string' } },
    },
  },
};

/** What the schema lets through. */
interface SystemFile {
  readonly components: Readonly<Record<string, { fmu: string; start?: Readonly<Record<string, unknown>> }>>;
  readonly connections?: readonly (string | { from: string; to: string })[];
  readonly step: number;
  readonly start?: number;
  readonly stop?: number | 'never';
  readonly pace?: number | 'fast' | 'realtime';
  readonly record?: { file?: string; variables?: readonly string[] };
  readonly logging?: Readonly<Record<string, boolean | readonly string[]>>;
}

let compiled: ValidateFunction<SystemFile> | undefined;

function schema(): ValidateFunction<SystemFile> {
  compiled ??= compileSchema<SystemFile>(SYSTEM_SCHEMA);
  return compiled;
}

/** Reads a system file and the FMUs it names. Throws `InvalidFileError` with every problem of all of them. */
export async function readSystemYaml(file: string): Promise<System> {
  return resolveSystem(toDraft(await readYamlFile(file, schema())));
}

/** {@link readSystemYaml} for text at hand; `file` names it and is what relative paths are relative to. */
export async function parseSystemYaml(file: string, text: string): Promise<System> {
  return resolveSystem(toDraft(parseYaml(file, text, schema())));
}

function toDraft(source: LocatedFile<SystemFile>): SystemDraft {
  const { file, value, locate } = source;
  const folder = dirname(resolve(file));
  const problems: Problem[] = [];
  const components = Object.keys(value.components).map((name) => toComponent(source, folder, name));
  const connections = (value.connections ?? []).flatMap((written, index) => {
    const location = locate(['connections', index]);
    const wire = typeof written === 'string' ? parseWire(written) : written;
    if (wire === undefined) {
      const message = `'${String(written)}' is no connection, expected component.output -> component.input`;
      problems.push({ message, location });
      return [];
    }
    return [{ from: { name: wire.from, location }, to: { name: wire.to, location } }];
  });
  for (const name of Object.keys(value.logging ?? {})) {
    if (name in value.components) continue;
    problems.push({
      message: `logging names the unknown component '${name}'`,
      location: source.locateKey(['logging', name]),
    });
  }

  const { step, start = 0, stop, record = {} } = value;
  const toPattern = (name: string, index: number): DraftPort => ({
    name,
    location: locate(['record', 'variables', index]),
  });
  return {
    file,
    components,
    connections,
    step: { value: step, location: locate(['step']) },
    start,
    ...(typeof stop === 'number' ? { stop: { value: stop, location: locate(['stop']) } } : {}),
    pace: toPace(value.pace),
    record: {
      ...(record.file === undefined ? {} : { file: resolve(folder, record.file) }),
      ...(record.variables === undefined ? {} : { variables: record.variables.map(toPattern) }),
    },
    problems,
  };
}

function toComponent(
  { value, locate, locateKey }: LocatedFile<SystemFile>,
  folder: string,
  name: string,
): DraftComponent {
  const { fmu, start = {} } = value.components[name]!;
  const path = ['components', name];
  const logging = value.logging?.[name] ?? false;
  return {
    name,
    fmu: resolve(folder, fmu),
    fmuLocation: locate([...path, 'fmu']),
    start: Object.entries(start).map(([variable, startValue]) => ({
      variable,
      value: startValue,
      nameLocation: locateKey([...path, 'start', variable]),
      valueLocation: locate([...path, 'start', variable]),
    })),
    ...(logging === false
      ? {}
      : { logging: { categories: logging === true ? 'all' : logging, location: locate(['logging', name]) } }),
  };
}

/** `a.x -> b.y` */
function parseWire(text: string): { from: string; to: string } | undefined {
  const [, from, to] = /^\s*(\S+)\s*->\s*(\S+)\s*$/.exec(text) ?? [];
  return from === undefined || to === undefined ? undefined : { from, to };
}

function toPace(pace: SystemFile['pace'] = 'fast'): Pace {
  return pace === 'realtime' ? 1 : pace;
}
