/**
 * A ring of FMUs of ten Reals in and ten out (test/fmus/ten): in each communication step each of them is set ten values, makes a
 * step and is asked for ten. After so many steps each output is their number, wherever the FMUs run.
 */
import { fileURLToPath } from 'node:url';

/** Communication step size, s. */
export const STEP = 0.1;
export const FMU = fileURLToPath(new URL('../../build/test-fmus/ten.fmu', import.meta.url));

const VALUES = 10;
const components = (size) => Array.from({ length: size }, (_, i) => `c${i}`);
/** `[from, output, to, input]` */
const wires = (size) =>
  components(size).flatMap((from, i) =>
    Array.from({ length: VALUES }, (_, k) => [from, `y${k}`, `c${(i + 1) % size}`, `u${k}`]),
  );

/** What tells that a run was right. */
export const last = (size) => `c${size - 1}.y${VALUES - 1}`;

/** A system.yaml. `component`: what each is besides its name. */
export function yaml(size, component) {
  return JSON.stringify({
    twinbridge: 'system',
    components: Object.fromEntries(components(size).map((name) => [name, component])),
    connections: wires(size).map(([from, output, to, input]) => `${from}.${output} -> ${to}.${input}`),
    step: STEP,
    record: { variables: [last(size)] },
  });
}

/** An OspSystemStructure.xml. */
export function xml(size, source) {
  const end = (simulator, name) => `<Variable simulator="${simulator}" name="${name}"/>`;
  return `<OspSystemStructure version="0.1" xmlns="http://opensimulationplatform.com/MSMI/OSPSystemStructure">
  <BaseStepSize>${STEP}</BaseStepSize>
  <Algorithm>fixedStep</Algorithm>
  <Simulators>${components(size)
    .map((name) => `<Simulator name="${name}" source="${source}"/>`)
    .join('')}</Simulators>
  <Connections>${wires(size)
    .map(
      ([from, output, to, input]) => `<VariableConnection>${end(from, output)}${end(to, input)}</VariableConnection>`,
    )
    .join('')}</Connections>
</OspSystemStructure>
`;
}
