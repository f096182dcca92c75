/** Systems of FMUs of all versions, with values of all types: they give the same values wherever their components run. */

/** What they are made of. */
export const FMUS = [
  'arrays3',
  'ball',
  'counter',
  'dahlquist',
  'dahlquist1',
  'dahlquist3',
  'early3',
  'enumer',
  'feedthrough',
  'feedthrough1',
  'feedthrough3',
  'gain',
  'inter3',
  'oscillator',
  'state3',
  'units',
  'vector',
] as const;

const TYPES3 = [
  ['float32', '1.100000023841858'],
  ['float64', '-4.9e-324'],
  ['int8', '-128'],
  ['uint8', '255'],
  ['int16', '-32768'],
  ['uint16', '65535'],
  ['int32', '-2147483648'],
  ['uint32', '4294967295'],
  ['int64', '-9223372036854775808'],
  ['uint64', '18446744073709551615'],
  ['boolean', 'true'],
  ['string', '"grüß Gott, \\"ζ\\" 😀"'],
  ['binary', '"00ff107f"'],
  ['choice', 'second'],
] as const;

const SYSTEMS: Readonly<Record<string, string>> = {
  'FMI 1.0: all types': `
components:
  x: { fmu: dahlquist1.fmu, start: { k: 0.3 } }
  c: { fmu: counter.fmu }
  f: { fmu: feedthrough1.fmu, start: { offset: 0.1 } }
  g: { fmu: feedthrough1.fmu }
connections:
  - x.x -> f.real_in
  - c.count -> f.integer_in
  - c.odd -> f.boolean_in
  - c.text -> f.string_in
  - f.real_out -> g.real_in
  - f.integer_out -> g.integer_in
  - f.boolean_out -> g.boolean_in
  - f.string_out -> g.string_in
step: 0.1
`,
  'FMI 2.0: all types, with conversions between them': `
components:
  c: { fmu: counter.fmu }
  f: { fmu: feedthrough.fmu, start: { offset: 0.1, choice_in: second } }
  e: { fmu: enumer.fmu }
  g: { fmu: gain.fmu, start: { k: -1.5 } }
connections:
  - c.count -> f.real_in
  - c.odd -> f.integer_in
  - c.count -> g.u
  - c.text -> f.string_in
  - c.odd -> f.boolean_in
  - f.real_out -> e.number_in
  - f.boolean_out -> e.flag_in
  - { from: c.odd, to: e.mode_in, factor: 4, offset: 1 }
step: 0.1
`,
  'FMI 3.0: all types': `
components:
  a: { fmu: feedthrough3.fmu, start: { ${TYPES3.map(([type, start]) => `${type}_in: ${start}`).join(', ')} } }
  b: { fmu: feedthrough3.fmu }
connections:
${TYPES3.map(([type]) => `  - a.${type}_out -> b.${type}_in`).join('\n')}
step: 0.1
`,
  'FMI 3.0: arrays, structural parameters, state, early returns': `
components:
  a: { fmu: arrays3.fmu, start: { u3: [1, -2, 3], n: 2, A: [1, 2, 3, 4], u: [5, 6], matrix_in: [1, 2, 3, 4] } }
  b: { fmu: arrays3.fmu }
  s: { fmu: state3.fmu, start: { seed: 1234567890123456789 } }
  d: { fmu: dahlquist3.fmu }
  e: { fmu: early3.fmu, start: { event_interval: 0.35 } }
  i: { fmu: inter3.fmu }
connections:
  - a.y3 -> b.u3
  - "a.y[1] -> b.u[2]"
  - a.matrix_out -> b.matrix_in
  - d.x -> i.u
step: 0.1
`,
  'arrays of scalars, units': `
components:
  v: { fmu: vector.fmu, start: { mass: 3 } }
  o: { fmu: oscillator.fmu }
  p: { fmu: oscillator.fmu, start: { x0: 1 } }
  u: { fmu: units.fmu }
  w: { fmu: units.fmu }
connections:
  - p.f_out -> v.force[0]
  - o.x -> p.x_in
  - o.v -> p.v_in
  - p.f_out -> o.f
  - u.out_mm -> w.in_m
  - u.out_degC -> w.in_K
step: 0.01
`,
  'steps of their own, functions': `
components:
  a: { fmu: dahlquist.fmu, step: 0.2 }
  b: { fmu: ball.fmu }
  c: { fmu: gain.fmu, step: 0.3, start: { k: 0.5 } }
  d: { fmu: gain.fmu }
functions:
  s: { type: sum, inputs: 2 }
  l: { type: linear, factor: -2, offset: 0.5 }
connections:
  - "a.x -> s.in[0]"
  - "b.height -> s.in[1]"
  - s.out -> l.in
  - l.out -> c.u
  - c.y -> d.u
step: 0.1
`,
};

const ALGORITHMS = ['jacobi', 'gauss-seidel'];
export const CASES: readonly (readonly [title: string, algorithm: string, text: string])[] = Object.entries(
  SYSTEMS,
).flatMap(([title, text]) => ALGORITHMS.map((algorithm) => [title, algorithm, text] as const));
