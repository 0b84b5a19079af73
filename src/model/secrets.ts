/** Shorter values would blot out ordinary words. */
const SHORTEST = 6;
/** Of the core of a base64 text, so that it is no coincidence. */
const SHORTEST_CORE = 8;
const MASK = "[secret]";

/**
 * Every form in which a secret may stand in a text that somebody else wrote: as it is, within JSON, percent-encoded,
 * as in a form, within HTML, in hex, and in base64 wherever it begins there.
 */
export function formsOf(secret: string): readonly string[] {
  if (secret.length < SHORTEST) return [];
  const inForm = new URLSearchParams([["", secret]]).toString().slice(1);
  const escaped = [encodeURIComponent(secret), inForm];
  const forms = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    ...escaped,
    ...escaped.map((text) => text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())),
    secret.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;"),
    Buffer.from(secret).toString("hex"),
    ...base64Cores(secret),
  ];
  // What holds another one goes first, or a part of it would be left.
  return [...new Set(forms)].sort((a, b) => b.length - a.length);
}

/** What base64 makes of the secret whatever stands before and behind it: `user:secret`, three ways. */
function base64Cores(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .replaceAll("=", "");
    // A character stands for six bits: those that the neighbours have a share in say nothing.
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor(((before + bytes.length) * 8) / 6);
    const core = text.slice(first, last);
    if (core.length < SHORTEST_CORE) return [];
    return [core, core.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

/** The text without the secrets, in whatever form. */
export function hide(text: string, secrets: readonly string[]): string {
  return mask(text, secrets.flatMap(formsOf));
}

/** @param forms of `formsOf`, for who asks often. */
export function mask(text: string, forms: readonly string[]): string {
  return forms.reduce((rest, form) => (rest.includes(form) ? rest.replaceAll(form, MASK) : rest), text);
}
