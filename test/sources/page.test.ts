import { describe, expect, it } from "vitest";
import { alertReader } from "../../src/model/alert.ts";
import { endOfValue } from "../../src/model/json-bytes.ts";
import { readPage } from "../../src/sources/page.ts";

const cut = (body: string) =>
  readPage(Buffer.from(body), (json, at) => {
    const end = endOfValue(json, at);
    return { end, element: String(json.subarray(at, end)) };
  });
const readAlerts = (body: string) =>
  readPage(
    Buffer.from(body),
    alertReader({ updated: "updated", created: "created", tenantId: "tenantId", material: [] }),
  );

describe("a page", () => {
  it.each([
    ["no element", '{"value":[]}', []],
    ["one element", '{"value":[{"a":1}]}', ['{"a":1}']],
    [
      "space everywhere",
      ' { "value" : [ {"a" : 1} ,\r\n\t[2] , "x" , 1 , null ] } \n',
      ['{"a" : 1}', "[2]", '"x"', "1", "null"],
    ],
    [
      "brackets and quotes in texts",
      '{"value":["]","\\"}","\\\\",{"[":"{"}]}',
      ['"]"', '"\\"}"', '"\\\\"', '{"[":"{"}'],
    ],
    ["lists of the same name inside", '{"a":{"value":[1]},"b":"\\"value\\":[2]","value":[3]}', ["3"]],
    ["members behind the list", '{"value":[1],"c":[{}],"d":true}', ["1"]],
  ])("with %s is cut into the texts of its elements", async (_, body, raws) => {
    const { elements } = await cut(body);

    expect(elements).toEqual(raws);
  });

  it("of several megabytes is cut with a turn for others after each half a megabyte", async () => {
    const element = JSON.stringify({ title: "x".repeat(10_000) });
    const body = `{"value":[${Array.from({ length: 500 }, () => element).join()}]}`;
    let turns = 0;
    const count = () => {
      turns += 1;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);

    const { elements } = await cut(body);
    clearImmediate(counting);

    expect(elements).toHaveLength(500);
    expect(turns).toBeGreaterThanOrEqual(9);
  });

  it("tells its link and its count, wherever they stand", async () => {
    expect(await cut('{"@odata.count":7,"value":[],"@odata.nextLink":"https://a.example/b"}')).toMatchObject({
      count: 7,
      nextLink: "https://a.example/b",
    });
    expect(await cut('{"value":[],"@odata.nextLink":"","@odata.count":"7"}')).toMatchObject({
      count: undefined,
      nextLink: undefined,
    });
  });

  it.each([
    "",
    " ",
    "<html></html>",
    "null",
    "[]",
    "{}",
    '{"value":null}',
    '{"value":{}}',
    '{"value"',
    '{"value":',
    '{"value":[',
    '{"value":[{"a":1}',
    '{"value":[{"a":1},',
    '{"value":[{"a":1}]',
    '{"value":[{"a":"x',
    '{"value":[1',
    '{"value":[}]}',
    '{"value":[1}]}',
    '{"value":[{}}]}',
    '{"value":[,]}',
    '{"value":[{"a":1}{"b":2}]}',
    '{"value":[{"a":1,}]}',
    '{"value":[tru]}',
    '{"value":[1]}]',
    '{"value":[1],"a":}',
    '{"value":[1]}{"value":[2]}',
  ])("that is no whole list is told from an empty one: %s", async (body) => {
    await expect(readAlerts(body)).rejects.toThrow(
      expect.objectContaining({ name: "SourceError", kind: "transient", cause: undefined }),
    );
  });

  it("names nothing of an alert in its error", async () => {
    const failure = readAlerts('{"value":[{"title":"secret words",}]}');

    await expect(failure).rejects.toThrow(/^[^§]*no complete JSON list/);
    await expect(failure).rejects.not.toThrow(/secret words/);
  });
});
