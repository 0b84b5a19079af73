import { describe, expect, it } from "vitest";
import { FORMATS, type FormatName, render } from "../../src/formats/index.ts";
import { FIXTURES } from "./support.ts";

const EXPECTED = new URL("../fixtures/expected/", import.meta.url).pathname;

/** JSON is kept laid out, so that a difference shows where it is; the other notations to the byte. */
const EXTENSIONS: Readonly<Record<FormatName, string>> = {
  cef: "cef",
  ecs: "json",
  leef: "leef",
  ocsf: "json",
  raw: "json",
};

describe.each(FORMATS.map(({ name }) => name))("%s", (format) => {
  it.each(FIXTURES)("writes $name as its expected file says", async ({ name, envelope }) => {
    const { text } = render(format, envelope, Number.POSITIVE_INFINITY);

    const extension = EXTENSIONS[format];
    const content = extension === "json" ? laidOut(JSON.parse(text)) : text;
    await expect(`${content}\n`).toMatchFileSnapshot(`${EXPECTED}${format}/${name}.${extension}`);
  });
});

const WIDTH = 110;

/** As the repository's formatter lays JSON out: a list in one line where it is short and holds no object. */
function laidOut(value: unknown, indent = "", before = 0): string {
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    const short = `[${value.map((each) => JSON.stringify(each)).join(", ")}]`;
    const isFlat = value.every((each) => typeof each !== "object" || each === null);
    if (value.length === 0 || (isFlat && indent.length + before + short.length < WIDTH)) return short;
    return `[\n${value.map((each) => `${deeper}${laidOut(each, deeper)}`).join(",\n")}\n${indent}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, each]) => {
    const name = `${JSON.stringify(key)}: `;
    return `${deeper}${name}${laidOut(each, deeper, name.length)}`;
  });
  return members.length === 0 ? "{}" : `{\n${members.join(",\n")}\n${indent}}`;
}
