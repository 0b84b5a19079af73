import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eachElement, endOfValue, look, namesOf, parseSpan } from "../../../src/model/json-bytes.ts";

const bytes = (text: string) => Buffer.from(text);
/** Any JSON, with and without white space. */
const ANY_JSON = fc
  .tuple(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 1, "\t"))
  .map(([value, indent]) => ({ value, text: JSON.stringify(value, undefined, indent) }));

describe("JSON as bytes", () => {
  it("ends where the text of a value ends, whatever stands behind it", () => {
    fc.assert(
      fc.property(ANY_JSON, fc.constantFrom("", ",", " ]", "}", "\n"), ({ text }, behind) => {
        expect(endOfValue(bytes(`${text}${behind}`), 0)).toBe(Buffer.byteLength(text));
      }),
    );
  });

  it("has no end where it is cut off", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (value, share) => {
          const whole = bytes(JSON.stringify(value));

          expect(endOfValue(whole.subarray(0, Math.max(1, Math.floor(whole.length * share))), 0)).toBe(-1);
        },
      ),
    );
  });

  it("gives the members that are looked for as a parser does, and tells where they stand", () => {
    const names = ["id", "évidence", "a"];
    const wanted = fc.record(
      { id: fc.jsonValue(), évidence: fc.array(fc.jsonValue()), a: fc.string(), other: fc.jsonValue() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(wanted, fc.constantFrom(undefined, 2), (object, indent) => {
        const text = JSON.stringify(object, undefined, indent);
        const parsed = JSON.parse(text) as Record<string, unknown>;
        const json = bytes(`  ${text} `);

        const found = look(json, 2, namesOf(names));

        expect(found?.end).toBe(json.length - 1);
        for (const name of names) {
          const place = found?.place(name);
          expect(found?.value(name)).toEqual(parsed[name]);
          if (place !== undefined) expect(parseSpan(json, place)).toEqual(parsed[name]);
          const list = parsed[name];
          const elements = place?.elements.map((span) => parseSpan(json, span)) ?? [];
          expect(elements).toEqual(Array.isArray(list) ? list : []);
        }
      }),
    );
  });

  it("takes the last of two members of one name, as any parser does", () => {
    expect(look(bytes('{"a":1,"a":"2"}'), 0, namesOf(["a"]))?.value("a")).toBe("2");
  });

  it.each(['{"a":1', '{"a"}', '{"a":}', "{a:1}", '{"a":1 "b":2}', '{"a":1,}', "[1]", "", "{"])(
    "finds no object in %s",
    (text) => {
      expect(look(bytes(text), 0, namesOf(["a"]))).toBeUndefined();
    },
  );

  it.each(["[1", "[1,]", "[,1]", "[1 2]", "{}", ""])("finds no list in %s", (text) => {
    const json = bytes(text);

    expect(eachElement(json, 0, (start) => endOfValue(json, start))).toBe(-1);
  });
});
