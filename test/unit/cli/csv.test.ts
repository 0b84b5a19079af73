import { expect, it } from "vitest";
import { readCsv } from "../../../src/cli/csv.ts";

it.each([
  [
    "a,b\r\nc,d\r\n",
    [
      ["a", "b"],
      ["c", "d"],
    ],
  ],
  [
    "\uFEFFa,b\nc,",
    [
      ["a", "b"],
      ["c", ""],
    ],
  ],
  [
    'a,"b, ""c"""\n\n , \nd,e',
    [
      ["a", 'b, "c"'],
      ["d", "e"],
    ],
  ],
  ['"two\nlines",x', [["two\nlines", "x"]]],
  ["", []],
])("reads %j", (text, records) => {
  expect(readCsv(text).map(({ fields }) => fields)).toEqual(records);
});

it("names the line in which a record begins, and that of a mistake", () => {
  expect(readCsv('a,b\n\n"x\ny",z\nlast,1').map(({ line }) => line)).toEqual([1, 3, 5]);
  expect(() => readCsv('a,b\nc,"d')).toThrow("line 2: a quote is not closed");
});
