/** What units are in SI (FMI 2.0.4, section 2.2.2), so that importers can convert and compare them. */
import type { UnitDefinition } from '../../fmi/index.js';

type BaseUnit = NonNullable<UnitDefinition['baseUnit']>;

const FORCE: BaseUnit = { kg: 1, m: 1, s: -2 };
const PRESSURE: BaseUnit = { kg: 1, m: -1, s: -2 };
const ENERGY: BaseUnit = { kg: 1, m: 2, s: -2 };
const POWER: BaseUnit = { kg: 1, m: 2, s: -3 };
const VOLTAGE: BaseUnit = { kg: 1, m: 2, s: -3, A: -1 };
const DEGREE = Math.PI / 180;

const BASE_UNITS: Readonly<Record<string, BaseUnit>> = {
  '1': {},
  '%': { factor: 0.01 },
  m: { m: 1 },
  km: { m: 1, factor: 1e3 },
  cm: { m: 1, factor: 1e-2 },
  mm: { m: 1, factor: 1e-3 },
  um: { m: 1, factor: 1e-6 },
  s: { s: 1 },
  ms: { s: 1, factor: 1e-3 },
  us: { s: 1, factor: 1e-6 },
  min: { s: 1, factor: 60 },
  h: { s: 1, factor: 3600 },
  kg: { kg: 1 },
  g: { kg: 1, factor: 1e-3 },
  A: { A: 1 },
  mA: { A: 1, factor: 1e-3 },
  K: { K: 1 },
  degC: { K: 1, offset: 273.15 },
  mol: { mol: 1 },
  cd: { cd: 1 },
  rad: { rad: 1 },
  deg: { rad: 1, factor: DEGREE },
  'rad/s': { rad: 1, s: -1 },
  'deg/s': { rad: 1, s: -1, factor: DEGREE },
  rpm: { rad: 1, s: -1, factor: Math.PI / 30 },
  'rad/s2': { rad: 1, s: -2 },
  'm/s': { m: 1, s: -1 },
  'mm/s': { m: 1, s: -1, factor: 1e-3 },
  'km/h': { m: 1, s: -1, factor: 1 / 3.6 },
  'm/s2': { m: 1, s: -2 },
  m2: { m: 2 },
  m3: { m: 3 },
  Hz: { s: -1 },
  kHz: { s: -1, factor: 1e3 },
  N: FORCE,
  kN: { ...FORCE, factor: 1e3 },
  'N.m': ENERGY,
  Nm: ENERGY,
  Pa: PRESSURE,
  kPa: { ...PRESSURE, factor: 1e3 },
  bar: { ...PRESSURE, factor: 1e5 },
  J: ENERGY,
  W: POWER,
  kW: { ...POWER, factor: 1e3 },
  V: VOLTAGE,
  mV: { ...VOLTAGE, factor: 1e-3 },
  Ohm: { ...VOLTAGE, A: -2 },
};

/** One definition a name, sorted; a unit that is not known here is defined by its name alone, as the standard allows. */
export function unitDefinitions(names: Iterable<string>): UnitDefinition[] {
  return [...new Set(names)].sort().map((name) => {
    const baseUnit = Object.hasOwn(BASE_UNITS, name) ? BASE_UNITS[name] : undefined;
    return baseUnit === undefined ? { name } : { name, baseUnit };
  });
}
