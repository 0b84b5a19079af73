/** What stands behind the method: path and query. */
export interface Target {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** The answer of a consent carries its state and Microsoft's reasons in the query; nothing of ours is longer. */
export const MAX_TARGET_LENGTH = 8000;

/**
 * Takes the request target apart. Undefined when no page can have it: a broken escape, a step that leads upwards or
 * hides a slash, anything that is not an absolute path.
 */
export function readTarget(text: string): Target | undefined {
  if (!/^\/[!-~]*$/.test(text) || /%(?![0-9a-f]{2})/i.test(text)) return undefined;
  const end = text.indexOf("?");
  const steps = (end < 0 ? text : text.slice(0, end)).split("/").map(decode);
  if (!steps.every((step) => step !== undefined && isPlain(step))) return undefined;
  return { path: steps.join("/"), query: new URLSearchParams(end < 0 ? "" : text.slice(end)) };
}

function decode(step: string): string | undefined {
  try {
    return decodeURIComponent(step);
  } catch {
    return undefined;
  }
}

function isPlain(step: string): boolean {
  return step !== "." && step !== ".." && !/[/\\\p{Cc}]/u.test(step);
}
