/** About how wide a text will be: fonts are the viewer's own, so only an estimate is possible. In parts of the font size. */
const NARROW = /[iljtfrI1.,:;'|!()[\]/ \u202f]/;
const WIDE = /[mwMW@%\u2212+=<>]/;

export function textWidth(text: string, fontSize: number): number {
  let width = 0;
  for (const character of text) {
    if (NARROW.test(character)) width += 0.34;
    else if (WIDE.test(character)) width += 0.82;
    else width += /[A-ZÄÖÜ]/.test(character) ? 0.68 : 0.57;
  }
  return width * fontSize;
}

/** The beginning that fits, with an ellipsis; nothing where not even that does. */
export function fitted(text: string, width: number, fontSize: number): string {
  if (textWidth(text, fontSize) <= width) return text;
  for (let length = text.length - 1; length > 0; length--) {
    const shortened = `${text.slice(0, length).trimEnd()}…`;
    if (textWidth(shortened, fontSize) <= width) return shortened;
  }
  return '';
}
