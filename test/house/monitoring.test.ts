import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { METRICS } from "../../src/telemetry/measures.ts";
import { PROMETHEUS_FOLDER, promtool } from "../support/prometheus.ts";

interface Rule {
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface RuleTest {
  readonly alertname: string;
  readonly exp_alerts?: readonly unknown[];
}

const fileOf = (name: string) => join(PROMETHEUS_FOLDER, name);
const parsed = (name: string): unknown => parse(readFileSync(fileOf(name), "utf8"));
const { groups } = parsed("alerts.rules.yml") as { groups: { rules: Rule[] }[] };
const RULES = groups.flatMap(({ rules }) => rules);
const ALERTS = RULES.filter(({ alert }) => alert !== undefined);

describe("promtool", () => {
  it.each([
    { what: ["check", "config"], file: "prometheus.yml" },
    { what: ["check", "rules"], file: "alerts.rules.yml" },
    { what: ["test", "rules"], file: "alerts.test.yml" },
  ])("finds nothing wrong: $what $file", async ({ what, file }) => {
    const { code, words } = await promtool(...what, fileOf(file));

    expect(words).toContain("SUCCESS");
    expect(code).toBe(0);
  });
});

describe("every alert", () => {
  const { tests } = parsed("alerts.test.yml") as { tests: { alert_rule_test: RuleTest[] }[] };

  it.each(ALERTS.map(({ alert }) => alert))("is proven to fire, and then to clear: %s", (alert) => {
    const courses = tests.map(({ alert_rule_test: looks }) =>
      looks
        .filter(({ alertname }) => alertname === alert)
        .map(({ exp_alerts = [] }) => (exp_alerts.length > 0 ? "fires" : "silent")),
    );

    expect(courses.map((course) => course.join(", "))).toContainEqual(expect.stringMatching(/fires.*silent/));
  });

  it.each(ALERTS)("says how grave it is, since when, what it means and what to do: $alert", (rule) => {
    const { summary = "", description = "", runbook = "" } = rule.annotations ?? {};
    const [paper = "", anchor = ""] = runbook.split("#");

    expect(["critical", "warning", "info"]).toContain(rule.labels?.["severity"]);
    expect(rule.for).toMatch(/^\d+[smh]$/);
    expect(summary).toMatch(/^[A-Z].*[^.]$/);
    expect(description).toMatch(/^([A-Z{]|[a-z_]+ of ).*\.$/s);
    expect(anchorsOf(paper)).toContain(anchor);
  });

  it("is explained in one line of docs/monitoring.md, with where to read on", () => {
    const rows = [
      ...readFileSync("docs/monitoring.md", "utf8").matchAll(
        /^\| `(Alertferry\w+)` \| (\w+) \| .+ \| \[\w+\]\((.+)\) \|$/gm,
      ),
    ].map(([, alert, severity, target]) => ({ alert, severity, runbook: `docs/${target}` }));

    expect(rows).toEqual(
      expect.arrayContaining(
        ALERTS.map(({ alert, labels, annotations }) => ({
          alert,
          severity: labels?.["severity"],
          runbook: annotations?.["runbook"],
        })),
      ),
    );
    expect(rows).toHaveLength(ALERTS.length);
  });
});

describe("every metric", () => {
  it("that a rule asks for is one that the daemon has", () => {
    const asked = RULES.flatMap(({ expr }) =>
      [...expr.matchAll(/\balertferry_([a-z_]+)/g)].map(([, name = ""]) => name),
    ).map((name) => name.replace(/_(bucket|count|sum)$/, ""));

    expect(Object.keys(METRICS)).toEqual(expect.arrayContaining(asked));
  });
});

/** What links may end in: headings as GitHub names them, and marks. */
function anchorsOf(paper: string): readonly string[] {
  const text = readFileSync(paper, "utf8");
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, "")
      .replaceAll(" ", "-"),
  );
  return [...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id)];
}
