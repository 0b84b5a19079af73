/** As long as a name may be. */
const LONGEST = 31;
/** Words, numbers and what joins them. */
const NAME = /^[\w.-]+( [\w.-]+)*$/;

/**
 * A key or a name as a message may tell it. What cannot be one may be a secret that a slip of the hand has put in its
 * place (`token:dd6…` without the space); of that only what begins like a key is told. The line says where it stands.
 */
export function shown(text: string): string {
  if (text.length <= LONGEST && NAME.test(text)) return text;
  return `${/^[a-z]{0,20}/i.exec(text)?.[0] ?? ""}…`;
}
