/** JSON pointers (RFC 6901): `/joints/position/3`; `~1` is a slash in a name, `~0` a tilde. */

/** Its reference tokens, or what is wrong with it, to be put behind its name. */
export function parsePointer(text: string): readonly string[] | { readonly problem: string } {
  if (text === '') return { problem: 'is empty, which is the whole message' };
  if (!text.startsWith('/')) return { problem: `is '${text}', which has no slash in front: '/${text}'` };
  const tilde = /~(?![01])/.exec(text);
  if (tilde !== null) {
    return { problem: `is '${text}', where a tilde stands without 0 or 1 (~0 is a tilde in a name, ~1 a slash)` };
  }
  return text
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

export function formatPointer(tokens: readonly string[]): string {
  return tokens.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The index that a token is of an array (RFC 6901, section 4); undefined: none. */
export function arrayIndex(token: string): number | undefined {
  return /^(?:0|[1-9]\d{0,8})$/.test(token) ? Number(token) : undefined;
}
