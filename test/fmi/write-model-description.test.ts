import { describe, expect, it } from 'vitest';
import { type ModelDescription, readModelDescription, writeModelDescription } from '#tb/fmi/index.js';
import { type ExampleName, exampleEntries } from '../support/fmus.js';

const EMPTY: ModelDescription = {
  fmiVersion: '2.0',
  modelName: 'm',
  guid: '{0}',
  hasModelExchange: false,
  coSimulation: { modelIdentifier: 'm' },
  units: [],
  enumerations: [],
  logCategories: [],
  variables: [],
  outputs: [],
  initialUnknowns: [],
};

/** Written and read again, without the places that the reader adds. */
function throughXml(description: ModelDescription): ModelDescription {
  const { description: read, warnings } = readModelDescription(
    'm.xml',
    Buffer.from(writeModelDescription(description)),
  );
  expect(warnings).toEqual([]);
  return withoutPlaces(read);
}
const withoutPlaces = (description: ModelDescription): ModelDescription => ({
  ...description,
  variables: description.variables.map(({ location: _location, ...variable }) => variable),
});

describe('what is written is read', () => {
  it.each<ExampleName>(['dahlquist', 'feedthrough', 'misbehave', 'monitor', 'predictor'])('of %s', (name) => {
    const xml = exampleEntries(name).find((entry) => entry.name === 'modelDescription.xml')!.content;
    const description = withoutPlaces(readModelDescription('m.xml', Buffer.from(xml)).description);
    expect(throughXml(description)).toEqual(description);
  });

  it('texts, whatever is in them', () => {
    const text = `<a & "b"> 'c'\n\t\r é 机 🤖 ]]> &amp;`;
    const description: ModelDescription = { ...EMPTY, modelName: text, description: text };
    expect(throughXml(description)).toEqual(description);
  });

  it.each([0, -0, 0.1, 1e300, 5e-324, -1.7976931348623157e308, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'the number %s, to the last bit',
    (start) => {
      const { variables } = throughXml({
        ...EMPTY,
        variables: [
          {
            name: 'p',
            valueReference: 1,
            type: 'Real',
            causality: 'parameter',
            variability: 'fixed',
            initial: 'exact',
            start,
          },
        ],
      });
      expect(Object.is(variables[0]?.start, start)).toBe(true);
    },
  );

  it('dependencies: none, some, and all', () => {
    const variables = ['u', 'a', 'b', 'c'].map((name, valueReference) => ({
      name,
      valueReference,
      type: 'Real' as const,
      causality: name === 'u' ? ('input' as const) : ('output' as const),
      variability: 'continuous' as const,
      ...(name === 'u' ? { start: 0 } : { initial: 'calculated' as const }),
    }));
    const unknowns = [
      { index: 1, dependencies: [] },
      { index: 2, dependencies: [0], dependenciesKind: ['constant' as const] },
      { index: 3 },
    ];
    const description: ModelDescription = { ...EMPTY, variables, outputs: unknowns, initialUnknowns: unknowns };
    expect(throughXml(description)).toEqual(description);
    expect(writeModelDescription(description)).toContain('<Unknown index="2" dependencies=""/>');
  });

  it('units, enumerations, log categories, the experiment', () => {
    const description: ModelDescription = {
      ...EMPTY,
      units: [{ name: 'km/h', baseUnit: { m: 1, s: -1, factor: 1 / 3.6 } }, { name: 'furlong' }],
      enumerations: [
        {
          name: 'Mode',
          items: [
            { name: 'off', value: 0 },
            { name: 'on', value: 1, description: 'runs' },
          ],
        },
      ],
      logCategories: [{ name: 'logEvents' }, { name: 'logAll', description: 'all' }],
      defaultExperiment: { startTime: 0, stopTime: 10, stepSize: 0.1 },
      variables: [
        {
          name: 'mode',
          valueReference: 0,
          type: 'Enumeration',
          declaredType: 'Mode',
          causality: 'input',
          variability: 'discrete',
          start: 1,
        },
        {
          name: 'v',
          valueReference: 1,
          type: 'Real',
          unit: 'km/h',
          min: 0,
          max: 50,
          nominal: 10,
          causality: 'input',
          variability: 'continuous',
          start: 0,
        },
      ],
    };
    expect(throughXml(description)).toEqual(description);
  });
});

it('a text that XML cannot hold is an error, not a broken file', () => {
  for (const text of ['a\0', 'a\u001b', '\ud800', '\uffff']) {
    expect(() => writeModelDescription({ ...EMPTY, modelName: text })).toThrow(RangeError);
  }
});
