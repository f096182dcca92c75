/** Model descriptions of FMI 3.0: what is written is read, and what is wrong is told with its place. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Fmi3ModelDescription,
  type Fmi3Variable,
  readAnyModelDescription,
  writeFmi3ModelDescription,
} from '#tb/fmi/index.js';
import { InvalidFileError } from '#tb/support/errors.js';

const TIME: Fmi3Variable = {
  name: 'time',
  valueReference: 0,
  type: 'Float64',
  causality: 'independent',
  variability: 'continuous',
  dimensions: [],
};

function description(variables: readonly Fmi3Variable[]): Fmi3ModelDescription {
  const outputs = variables
    .filter(({ causality }) => causality === 'output')
    .map(({ valueReference }) => ({ valueReference, dependencies: [] }));
  return {
    fmiVersion: '3.0',
    modelName: 'everything',
    instantiationToken: '{token}',
    description: 'a < b & "c"\nd',
    variableNamingConvention: 'flat',
    coSimulation: {
      modelIdentifier: 'everything',
      canGetAndSetFMUState: true,
      hasEventMode: true,
      mightReturnEarlyFromDoStep: false,
      fixedInternalStepSize: 0.1,
    },
    hasModelExchange: false,
    hasScheduledExecution: false,
    units: [{ name: 'km/h', baseUnit: { m: 1, s: -1, factor: 1 / 3.6 } }],
    enumerations: [
      {
        name: 'mode',
        items: [
          { name: 'idle', value: 0n },
          { name: 'far', value: 2n ** 63n - 1n, description: 'as far as it goes' },
        ],
      },
    ],
    logCategories: [{ name: 'logEvents', description: 'what happens' }],
    defaultExperiment: { startTime: 0, stepSize: 0.01 },
    variables: [TIME, ...variables],
    outputs,
    initialUnknowns: outputs,
  };
}

const written = (given: Fmi3ModelDescription) => Buffer.from(writeFmi3ModelDescription(given));

function read(xml: string | Buffer): Fmi3ModelDescription {
  const { description: found } = readAnyModelDescription('modelDescription.xml', Buffer.from(xml));
  if (!('instantiationToken' in found)) throw new Error('read as FMI 2.0');
  return { ...found, variables: found.variables.map(({ location: _, ...variable }) => variable) };
}

const input = (valueReference: number, rest: Pick<Fmi3Variable, 'type' | 'start'> & Partial<Fmi3Variable>) => ({
  name: `v${valueReference}`,
  valueReference,
  causality: 'input' as const,
  variability: 'discrete' as const,
  dimensions: [],
  ...rest,
});

describe('what is written is read', () => {
  it('every type, start values of 64 bits, arrays, clocks', () => {
    const given = description([
      input(1, { type: 'Float32', start: [0.5, -0], dimensions: [{ start: 2n }], unit: 'km/h', min: -1, max: 1e30 }),
      input(2, { type: 'Float64', start: [Number.POSITIVE_INFINITY] }),
      input(3, { type: 'Int8', start: [-128], min: -128, max: 127 }),
      input(4, { type: 'UInt8', start: [255] }),
      input(5, { type: 'Int16', start: [-32768] }),
      input(6, { type: 'UInt16', start: [65535] }),
      input(7, { type: 'Int32', start: [-(2 ** 31)] }),
      input(8, { type: 'UInt32', start: [2 ** 32 - 1] }),
      input(9, { type: 'Int64', start: [-(2n ** 63n)], min: -(2n ** 63n) }),
      input(10, { type: 'UInt64', start: [2n ** 64n - 1n, 0n], dimensions: [{ start: 2n }] }),
      input(11, { type: 'Boolean', start: [true, false, true], dimensions: [{ start: 3n }] }),
      input(12, { type: 'String', start: [' two words ', '<&">\n', ''], dimensions: [{ start: 3n }] }),
      input(13, { type: 'Binary', start: ['00ff10'], mimeType: 'image/jpeg', maxSize: 65536 }),
      input(14, { type: 'Enumeration', declaredType: 'mode', start: [2n ** 63n - 1n] }),
      {
        ...input(15, { type: 'Clock' }),
        causality: 'output',
        intervalVariability: 'triggered',
        description: 'ticks',
      },
      { ...input(16, { type: 'Float64' }), causality: 'output', initial: 'calculated', clocks: [15] },
      {
        ...input(17, { type: 'UInt64', start: [3n] }),
        causality: 'structuralParameter',
        variability: 'fixed',
        initial: 'exact',
      },
      input(18, { type: 'Float64', start: [1, 2, 3], dimensions: [{ valueReference: 17 }] }),
    ]);
    expect(read(written(given))).toEqual(given);
  });

  it('any text and any number', () => {
    const text = fc.string({ unit: 'binary' }).filter((s) => !/[\p{Cc}\p{Surrogate}\ufffe\uffff]/u.test(s));
    fc.assert(
      fc.property(
        text,
        fc.double({ noNaN: true }),
        fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
        (string, real, integer) => {
          const given = description([
            input(1, { type: 'String', start: [string], description: string }),
            input(2, { type: 'Float64', start: [real] }),
            input(3, { type: 'Int64', start: [integer] }),
          ]);
          expect(read(written(given))).toEqual(given);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('what is wrong', () => {
  const problemsOf = (change: (xml: string) => string): string[] => {
    const xml = String(written(description([input(1, { type: 'Int8', start: [1] })])));
    const changed = change(xml);
    expect(changed).not.toBe(xml);
    try {
      readAnyModelDescription('modelDescription.xml', Buffer.from(changed));
    } catch (error) {
      if (error instanceof InvalidFileError) return error.problems.map(({ message }) => message);
      throw error;
    }
    return [];
  };

  it.each<[string, (xml: string) => string, string]>([
    [
      'a start value out of range',
      (xml) => xml.replace('start="1"', 'start="128"'),
      "'start' of variable 'v1' is '128'",
    ],
    [
      'a value reference that is missing',
      (xml) => xml.replace(' valueReference="1"', ''),
      "lacks the attribute 'valueReference'",
    ],
    ['an unknown type', (xml) => xml.replace('<Int8', '<Int9'), '<Int9> is no type of variable (did you mean'],
    ['no token', (xml) => xml.replace(' instantiationToken="{token}"', ''), "lacks the attribute 'instantiationToken'"],
    [
      'an output that there is not',
      (xml) => xml.replace('<ModelStructure/>', '<ModelStructure><Output valueReference="7"/></ModelStructure>'),
      '<Output> refers to the value reference 7, which no variable has',
    ],
    [
      'a library outside of the FMU',
      (xml) => xml.replace('modelIdentifier="everything"', 'modelIdentifier="../x"'),
      "modelIdentifier '../x' is no C identifier",
    ],
  ])('%s', (_, change, message) => {
    expect(problemsOf(change)).toEqual([expect.stringContaining(message)]);
  });

  it('outputs that are not listed, and a second time, are warnings', () => {
    const given = description([{ ...input(1, { type: 'Boolean' }), causality: 'output' }]);
    const twice = { ...given, variables: [...given.variables, { ...TIME, name: 't', valueReference: 9 }], outputs: [] };
    const { warnings } = readAnyModelDescription('modelDescription.xml', written(twice));
    expect(warnings.map(({ message }) => message)).toEqual([
      'there are 2 independent variables, expected one',
      "variable 'v1' is not listed as <Output> in ModelStructure",
    ]);
  });
});
