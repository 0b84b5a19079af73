import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import {
  ConfigError,
  DeliveryError,
  describeProblem,
  FAILURES,
  SourceError,
  StartupError,
} from "../../../src/model/failure.ts";

describe("the table of failures", () => {
  it("has the five words, each with what follows", () => {
    expect(Object.entries(FAILURES).map(([kind, { verdict }]) => `${kind}: ${verdict}`)).toEqual([
      "transient: retry",
      "throttled: rest",
      "unauthorized: block",
      "misconfigured: block",
      "rejected: isolate",
    ]);
  });

  it("lets nothing but a refusal of the alerts themselves lead to a dead letter", () => {
    const isolating = Object.entries(FAILURES).filter(([, { verdict }]) => verdict === "isolate");

    expect(isolating.map(([kind]) => kind)).toEqual(["rejected"]);
  });

  it("explains each in a whole sentence", () => {
    for (const { means } of Object.values(FAILURES)) expect(means).toMatch(/^[A-Z].*\.$/);
  });
});

describe("an error of the other side", () => {
  it("carries everything that support asks for", () => {
    const cause = new Error("socket hang up");

    const error = new DeliveryError("throttled", "Splunk is busy.", {
      cause,
      retryAfterMs: 2000,
      status: 503,
      code: "9",
      requestId: "r-1",
      culprit: 3,
    });

    expect(error).toMatchObject({
      name: "DeliveryError",
      kind: "throttled",
      message: "Splunk is busy.",
      cause,
      retryAfterMs: 2000,
      status: 503,
      code: "9",
      requestId: "r-1",
      culprit: 3,
    });
  });

  it("is known by its class", () => {
    const errors = [
      new SourceError("transient", "no"),
      new DeliveryError("transient", "no"),
      new ConfigError([]),
      new StartupError("no"),
    ];

    expect(errors.map(({ name }) => name)).toEqual([
      "SourceError",
      "DeliveryError",
      "ConfigError",
      "StartupError",
    ]);
    for (const error of errors) expect(error).toBeInstanceOf(Error);
    expect(inspect(errors[0])).toMatch(/^SourceError: no/);
  });
});

describe("describeProblem", () => {
  it("names file, line, key and what is wrong", () => {
    const problem = {
      file: "alertferry.yaml",
      line: 12,
      path: "tenants[0].tenantId",
      message: "must be a GUID",
    };

    expect(describeProblem(problem)).toBe("alertferry.yaml:12: tenants[0].tenantId: must be a GUID");
  });

  it("leaves out a line and a key that there is not", () => {
    const problem = { file: "a.yaml", line: undefined, path: "", message: "is empty" };

    expect(describeProblem(problem)).toBe("a.yaml: is empty");
    expect(describeProblem({ ...problem, path: "sinks" })).toBe("a.yaml: sinks: is empty");
    expect(describeProblem({ ...problem, line: 3 })).toBe("a.yaml:3: is empty");
  });

  it("makes the message of an error that holds every mistake at once", () => {
    const error = new ConfigError([
      { file: "a.yaml", line: 1, path: "x", message: "is unknown" },
      { file: "a.yaml", line: 9, path: "y", message: "is missing" },
    ]);

    expect(error.message).toBe("a.yaml:1: x: is unknown\na.yaml:9: y: is missing");
    expect(error.problems).toHaveLength(2);
  });
});
