/** Start values as parameter sets, one for each component. */
import type { Fmi3StartValue, FmuModel, ModelVariable } from '../../../fmi/index.js';
import { element, lexical } from '../../../support/xml/writer.js';
import { type Component, lengthsOf } from '../../system.js';
import { type SspVersion, sspTypeName } from './write-types.js';

/** One name for all: Ecos and libcosim choose by it, and this is what they and their examples call it. */
const SET_NAME = 'initialValues';

/** `ParameterBindings` of the component; nothing if it has no start values. */
export function parameterBindings(component: Component, version: SspVersion): string[] {
  if (component.start.length === 0) return [];
  const parameters = component.start.map(({ variable, values }) =>
    parameter(component, component.model.variables[variable]!, values, version),
  );
  const set = element('ssv:ParameterSet', { version, name: SET_NAME }, [element('ssv:Parameters', {}, parameters)]);
  const binding = element('ssd:ParameterBinding', {}, [element('ssd:ParameterValues', {}, [set])]);
  return [element('ssd:ParameterBindings', {}, [binding])];
}

function parameter(
  component: Component,
  variable: ModelVariable,
  values: readonly Fmi3StartValue[],
  version: SspVersion,
): string {
  const { model } = component;
  const dimensions = lengthsOf(component, variable).map((size) => element('ssc:Dimension', { size }));
  return element('ssv:Parameter', { name: variable.name }, [
    typedValue(model, variable, values, version),
    ...dimensions,
  ]);
}

function typedValue(
  model: FmuModel,
  variable: ModelVariable,
  values: readonly Fmi3StartValue[],
  version: SspVersion,
): string {
  const name = `ssv:${sspTypeName(model, variable, version)}`;
  if (variable.type !== 'String' && variable.type !== 'Enumeration' && variable.type !== 'Binary') {
    return element(name, { value: values.map(lexical).join(' ') });
  }
  const items = model.enumerations.find((one) => one.name === variable.declaredType)?.items ?? [];
  const texts = values.map((value) => {
    const item = variable.type === 'Enumeration' ? items.find((one) => BigInt(one.value) === BigInt(value)) : undefined;
    return item?.name ?? String(value);
  });
  if (variable.dimensions.length === 0) return element(name, { value: texts[0] });
  return element(
    name,
    {},
    texts.map((value) => element('ssv:Value', { value })),
  );
}
