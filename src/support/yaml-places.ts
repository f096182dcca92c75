/** Where the values of a YAML text stand, from the events of its parser. */
import { EVENT_ID, type Event, getScalarValue, SCALAR_STYLE } from 'js-yaml';

/** A value. Offsets count from 0. */
export interface YamlPlace {
  readonly offset: number;
  /** Of a scalar, without quotation marks. */
  readonly written?: string;
  /** Of a mapping, by key, in the order of the text. */
  readonly members?: ReadonlyMap<string, YamlMember>;
  readonly items?: readonly YamlPlace[];
}

export interface YamlMember {
  readonly keyOffset: number;
  readonly value: YamlPlace;
}

export interface YamlPlaces {
  readonly documents: readonly YamlPlace[];
  /** Keys that their mapping has already. */
  readonly repeated: readonly { readonly key: string; readonly offset: number }[];
}

/** A collection whose end has not come yet. */
interface Open {
  readonly place: YamlPlace;
  readonly members?: Map<string, YamlMember>;
  readonly items?: YamlPlace[];
  /** The key whose value is next. */
  key?: YamlPlace | undefined;
}

export function yamlPlaces(events: readonly Event[], text: string): YamlPlaces {
  const documents: YamlPlace[] = [];
  const repeated: { key: string; offset: number }[] = [];
  const anchored = new Map<string, YamlPlace>();
  const open: Open[] = [];

  const add = (place: YamlPlace) => {
    const owner = open.at(-1);
    if (owner === undefined) return;
    if (owner.items !== undefined) owner.items.push(place);
    else if (owner.key === undefined) owner.key = place;
    else {
      const { written: key = '', offset } = owner.key;
      if (owner.members!.has(key)) repeated.push({ key, offset });
      owner.members!.set(key, { keyOffset: offset, value: place });
      owner.key = undefined;
    }
  };
  /** A value that is left out stands where its key, or its list, does. */
  const leftOut = () => open.at(-1)?.key?.offset ?? open.at(-1)?.place.offset ?? 0;

  for (const event of events) {
    switch (event.type) {
      case EVENT_ID.DOCUMENT: {
        const items: YamlPlace[] = [];
        open.push({ place: { offset: 0 }, items });
        break;
      }
      case EVENT_ID.SEQUENCE:
      case EVENT_ID.MAPPING: {
        const isList = event.type === EVENT_ID.SEQUENCE;
        const collection = isList ? { items: [] } : { members: new Map<string, YamlMember>() };
        const place = { offset: event.start, ...collection };
        if (event.anchorStart >= 0) anchored.set(text.slice(event.anchorStart, event.anchorEnd), place);
        add(place);
        open.push({ place, ...collection });
        break;
      }
      case EVENT_ID.SCALAR: {
        const place =
          event.valueStart < 0
            ? { offset: leftOut(), written: '' }
            : { offset: startOf(event, text), written: getScalarValue(text, event) };
        if (event.anchorStart >= 0) anchored.set(text.slice(event.anchorStart, event.anchorEnd), place);
        add(place);
        break;
      }
      case EVENT_ID.ALIAS: {
        const target = anchored.get(text.slice(event.anchorStart, event.anchorEnd));
        // Behind the `*`.
        add({ ...target, offset: event.anchorStart - 1 });
        break;
      }
      default: {
        const { items = [], place } = open.pop()!;
        if (open.length === 0) documents.push(items[0] ?? place);
      }
    }
  }
  return { documents, repeated };
}

/** Quotation marks and the `|` or `>` of a block belong to the scalar. */
function startOf({ style, valueStart }: Extract<Event, { type: typeof EVENT_ID.SCALAR }>, text: string): number {
  switch (style) {
    case SCALAR_STYLE.SINGLE_QUOTED:
    case SCALAR_STYLE.DOUBLE_QUOTED:
      return valueStart - 1;
    case SCALAR_STYLE.LITERAL_BLOCK:
      return text.lastIndexOf('|', valueStart - 1);
    case SCALAR_STYLE.FOLDED_BLOCK:
      return text.lastIndexOf('>', valueStart - 1);
    default:
      return valueStart;
  }
}

/** The place at a path of keys and indices; undefined if there is none. */
export function placeAt(root: YamlPlace | undefined, path: readonly (string | number)[]): YamlPlace | undefined {
  let place = root;
  for (const step of path) place = place?.members?.get(String(step))?.value ?? place?.items?.[Number(step)];
  return place;
}

/** Of the value at a path, or of its key; of the nearest enclosing value if it is absent. */
export function offsetOf(root: YamlPlace | undefined, path: readonly (string | number)[], ofKey: boolean): number {
  let place = root;
  for (const [depth, step] of path.entries()) {
    const member = place?.members?.get(String(step));
    if (ofKey && member !== undefined && depth === path.length - 1) return member.keyOffset;
    const next = member?.value ?? place?.items?.[Number(step)];
    if (next === undefined) break;
    place = next;
  }
  return place?.offset ?? 0;
}

/** Lines and columns of offsets, both from 1. */
export function lineCounter(text: string): (offset: number) => { readonly line: number; readonly column: number } {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let [low, high] = [0, starts.length];
    // The last line that does not begin behind the offset.
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - starts[low]! + 1 };
  };
}
