import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const css = readFileSync("src/page/status.css", "utf8");
const [light = "", dark = ""] = [...css.matchAll(/:root \{([^}]*)\}/g)].map(([, block = ""]) => block);

/** WCAG 2.2, relative luminance. */
function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [high = 0, low = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

it.each([
  { scheme: "light", block: light },
  { scheme: "dark", block: dark },
])("every text of the page can be read on every ground, $scheme (WCAG AA, 4.5 to 1)", ({ block }) => {
  const colours = new Map(
    [...block.matchAll(/--([\w-]+): (#\w{6})/g)].map(([, name = "", hex = ""]) => [name, hex]),
  );
  const of = (name: string) => colours.get(name) ?? "";
  const pairs = ["ink", "soft", "accent", "well", "attention", "trouble"].flatMap((text) =>
    ["panel", "ground", "hover", "attention-tint", "trouble-tint"].map((ground) => ({
      pair: `${text} on ${ground}`,
      ratio: contrast(of(text), of(ground)),
    })),
  );

  expect(pairs.filter(({ ratio }) => !(ratio >= 4.5))).toEqual([]);
});
