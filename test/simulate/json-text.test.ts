import { describe, expect, it } from "vitest";
import { readMembers, sameJsonValue } from "../../src/simulate/json-text.ts";

const same = (left: string, right: string) => sameJsonValue(Buffer.from(left), Buffer.from(right));

describe("comparing JSON by value", () => {
  it.each([
    ['{"a":1,"b":[true,null]}', '{ "b": [true, null], "a": 1 }'],
    ['{"a":12.50}', '{"a":125e-1}'],
    ['{"a":1000}', '{"a":1E3}'],
    ['{"a":0.0}', '{"a":-0}'],
    ['"\\u00fc\\/"', '"ü/"'],
    ["[]", "[ ]"],
  ])("takes %s and %s for one", (left, right) => {
    expect(same(left, right)).toBe(true);
  });

  it.each([
    ['{"a":9223372036854775807}', '{"a":9223372036854775808}'],
    ['{"a":9007199254740993}', '{"a":9007199254740992}'],
    ['{"a":null}', "{}"],
    ['{"a":"1"}', '{"a":1}'],
    ["[1,2]", "[2,1]"],
    ['{"a":""}', '{"a":null}'],
    ['"a\\u200b"', '"a"'],
  ])("tells %s from %s", (left, right) => {
    expect(same(left, right)).toBe(false);
  });
});

describe("finding values in JSON", () => {
  it("gives each member its very text", () => {
    const json = Buffer.from('{"event": {"a":"}\\"{ü"} ,"time":1.0,"x":[1,[2]]}rest');

    const object = readMembers(json, 0);

    expect(object?.members.map(({ key, start, end }) => [key, json.toString("utf8", start, end)])).toEqual([
      ["event", '{"a":"}\\"{ü"}'],
      ["time", "1.0"],
      ["x", "[1,[2]]"],
    ]);
    expect(json.toString("utf8", object?.end)).toBe("rest");
  });

  it.each(['{"a":1', '{"a"}', '{"a":}', "{a:1}", '{"a":1 "b":2}', "[1]"])("finds no object in %s", (text) => {
    expect(readMembers(Buffer.from(text), 0)).toBeUndefined();
  });
});
