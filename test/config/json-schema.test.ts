import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { jsonSchema } from "../../src/config/json-schema.ts";
import { isObject, type JsonObject } from "../../src/model/alert.ts";

const SCHEMA = jsonSchema();

function accepts(file: string): boolean {
  return isValid(SCHEMA, parse(readFileSync(join(import.meta.dirname, "../..", file), "utf8")));
}

describe("the JSON Schema", () => {
  it("accepts the examples with their references", () => {
    expect(accepts("config/example.yaml")).toBe(true);
    expect(accepts("config/minimal.yaml")).toBe(true);
  });

  it.each([
    ["an unknown key", { sinks: { a: { type: "stdout" } }, tenant: [] }],
    ["an unknown key of a sink", { sinks: { a: { type: "stdout", path: "x" } } }],
    ["an unknown sink type", { sinks: { a: { type: "stdoutt" } } }],
    ["no sinks", {}],
    ["a duration without a unit", { sinks: { a: { type: "stdout", timeout: "5" } } }],
    ["a number out of range", { sinks: { a: { type: "stdout" } }, http: { port: 70_000 } }],
  ])("refuses %s", (_what, value) => {
    expect(isValid(SCHEMA, value)).toBe(false);
  });

  it("lets a reference stand for a number, an enum and a pattern", () => {
    const value = {
      http: { port: "${env:PORT}" },
      log: { level: "${env:LEVEL:-info}" },
      shutdownTimeout: "${file:/run/timeout}",
      sinks: { a: { type: "stdout" } },
    };

    expect(isValid(SCHEMA, value)).toBe(true);
  });

  it("tells descriptions and defaults and nothing of its own making", () => {
    const text = JSON.stringify(SCHEMA);

    expect(SCHEMA["$schema"]).toBe("https://json-schema.org/draft/2020-12/schema");
    expect(text).toContain('"default":"60s"');
    expect(text).toContain('"description":"Pause between two rounds of reading."');
    expect(text).not.toMatch(/"(secret|file)":true/);
  });
});

/** As much of JSON Schema as ours uses; an unknown keyword fails the test rather than pass unseen. */
function isValid(schema: JsonObject, value: unknown): boolean {
  return Object.entries(schema).every(([keyword, rule]) => {
    switch (keyword) {
      case "$schema":
      case "$defs":
      case "title":
      case "description":
      case "default":
      case "format":
        return true;
      case "$ref":
        return isValid(child(child(SCHEMA, "$defs"), String(rule).split("/").at(-1) ?? ""), value);
      case "type":
        return hasType(value, String(rule));
      case "const":
        return value === rule;
      case "enum":
        return Array.isArray(rule) && rule.includes(value);
      case "pattern":
        return typeof value !== "string" || new RegExp(String(rule)).test(value);
      case "minLength":
        return typeof value !== "string" || value.length >= Number(rule);
      case "minItems":
        return !Array.isArray(value) || value.length >= Number(rule);
      case "minimum":
        return typeof value !== "number" || value >= Number(rule);
      case "maximum":
        return typeof value !== "number" || value <= Number(rule);
      case "anyOf":
        return optionsOf(rule).some((option) => isValid(option, value));
      case "oneOf":
        return optionsOf(rule).filter((option) => isValid(option, value)).length === 1;
      case "items":
        return !Array.isArray(value) || value.every((item) => isObject(rule) && isValid(rule, item));
      case "required":
        return (
          !isObject(value) || (Array.isArray(rule) && rule.every((key) => Object.hasOwn(value, String(key))))
        );
      case "properties":
        return Object.keys(isObject(value) ? value : {}).every(
          (key) =>
            !isObject(rule) ||
            !Object.hasOwn(rule, key) ||
            isValid(child(rule, key), isObject(value) ? value[key] : {}),
        );
      case "propertyNames":
        return Object.keys(isObject(value) ? value : {}).every((key) => isObject(rule) && isValid(rule, key));
      case "additionalProperties":
        return Object.entries(isObject(value) ? value : {})
          .filter(([key]) => !Object.hasOwn(child(schema, "properties"), key))
          .every(([, below]) => isObject(rule) && isValid(rule, below));
      default:
        throw new Error(`Unknown keyword ${keyword}.`);
    }
  });
}

function hasType(value: unknown, type: string): boolean {
  if (type === "object") return isObject(value);
  if (type === "array") return Array.isArray(value);
  if (type === "integer") return Number.isInteger(value);
  return typeof value === type;
}

function child(schema: JsonObject, key: string): JsonObject {
  const found = schema[key];
  return isObject(found) ? found : {};
}

function optionsOf(rule: unknown): JsonObject[] {
  return Array.isArray(rule) ? rule.filter(isObject) : [];
}
