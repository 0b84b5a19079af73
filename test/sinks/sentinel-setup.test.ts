import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { templateColumns } from "../support/logs-ingestion.ts";

const FOLDER = join(import.meta.dirname, "../../config/sentinel");
const read = (name: string) => readFileSync(join(FOLDER, name), "utf8");
const template = JSON.parse(read("template.json"));
const analyticsRule = JSON.parse(read("analytics-rule.json"));
const columns = new Set(templateColumns().table.map(({ name }) => name));

/** Everything in a query that is written like a column and that the query did not make itself. */
function columnsIn(kql: string): readonly string[] {
  const plain = kql.replace(/\/\/.*$/gm, "").replace(/"[^"]*"/g, '""');
  const made = new Set([...plain.matchAll(/\b([A-Z]\w*)\s*=(?![=~])/g)].map(([, name]) => name));
  const named = [...plain.matchAll(/\b[A-Z][A-Za-z]*\b(?!\w|_CL)/g)].map(([name]) => name);
  return [...new Set(named)].filter((name) => !made.has(name));
}

describe("every query in config/sentinel", () => {
  const queries = [
    ...readdirSync(FOLDER)
      .filter((name) => name.endsWith(".kql"))
      .map((name) => [name, read(name)] as const),
    ["analytics-rule.json", analyticsRule.resources[0].properties.query] as const,
  ];

  it.each(queries)("%s asks the table that the template makes for columns that it has", (_, kql) => {
    const asked = columnsIn(kql);

    expect(kql).toContain(template.parameters.tableName.defaultValue);
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((name) => !columns.has(name))).toEqual([]);
  });

  it("that is to find repetitions goes by EventId, and the one for gaps by Seq of each tenant", () => {
    expect(read("alerts-once.kql")).toMatch(/summarize arg_min\(ReceivedTime, \*\) by EventId$/m);
    expect(read("missing-numbers.kql")).toMatch(/by SourceTenantId, Seq$/m);
  });
});

describe("the sample rule", () => {
  const { properties } = analyticsRule.resources[0];

  it("shows and maps only what its query gives", () => {
    const given = new Set(columnsIn(properties.query.split("| project ")[1]));
    const {
      alertDisplayNameFormat,
      alertDescriptionFormat,
      alertSeverityColumnName,
      alertDynamicProperties,
    } = properties.alertDetailsOverride;
    const used = [
      ...[...`${alertDisplayNameFormat}${alertDescriptionFormat}`.matchAll(/\{\{(\w+)\}\}/g)].map(
        ([, name]) => name,
      ),
      alertSeverityColumnName,
      ...alertDynamicProperties.map(({ value }: { value: string }) => value),
      ...Object.values(properties.customDetails),
      ...properties.entityMappings.flatMap(({ fieldMappings }: { fieldMappings: { columnName: string }[] }) =>
        fieldMappings.map(({ columnName }) => columnName),
      ),
    ];

    expect(used.length).toBeGreaterThan(8);
    expect(used.filter((name) => !given.has(String(name)))).toEqual([]);
  });

  it("groups incidents by details that it fills", () => {
    const { groupByCustomDetails } = properties.incidentConfiguration.groupingConfiguration;

    expect(Object.keys(properties.customDetails)).toEqual(expect.arrayContaining(groupByCustomDetails));
  });
});

describe("the template", () => {
  it("writes the rule's stream to the table, and lets one principal use the rule", () => {
    const [table, endpoint, rule, role] = template.resources;
    const [flow] = rule.properties.dataFlows;

    expect(table.properties.schema.name).toBe("[parameters('tableName')]");
    expect(endpoint.type).toBe("Microsoft.Insights/dataCollectionEndpoints");
    expect(rule.properties.dataCollectionEndpointId).toBe("[variables('endpointId')]");
    expect(flow.streams).toEqual(Object.keys(rule.properties.streamDeclarations));
    expect(flow.streams).toEqual([template.outputs.stream.value]);
    expect(flow.destinations).toEqual([rule.properties.destinations.logAnalytics[0].name]);
    expect(flow.outputStream).toBe("[format('Custom-{0}', parameters('tableName'))]");
    // Monitoring Metrics Publisher.
    expect(template.variables.monitoringMetricsPublisher).toContain("3913510d-42f4-4e42-8a64-420c390055eb");
    expect(role.scope).toBe("[format('Microsoft.Insights/dataCollectionRules/{0}', parameters('ruleName'))]");
  });

  it("uses every parameter and variable that it has, and no other", () => {
    const text = JSON.stringify(template);
    for (const kind of ["parameters", "variables"] as const) {
      const used = [...text.matchAll(new RegExp(`\\b${kind}\\('(\\w+)'\\)`, "g"))].map(([, name]) => name);
      expect([...new Set(used)].sort()).toEqual(Object.keys(template[kind]).sort());
    }
  });

  it("is what main.bicep deploys: the same parameters, with the same defaults, and the same outputs", () => {
    const bicep = read("main.bicep");
    const parameters = [...bicep.matchAll(/^param (\w+) string(?: = (.+))?$/gm)].map(([, name, value]) => [
      name,
      value?.replaceAll("'", ""),
    ]);
    const passed = [...bicep.matchAll(/^ {4}(\w+): (\w+)$/gm)];
    const outputs = [...bicep.matchAll(/^output (\w+) string = alertferry\.outputs\.(\w+)$/gm)];

    expect(Object.fromEntries(parameters)).toEqual(
      Object.fromEntries(
        Object.entries<{ defaultValue?: string }>(template.parameters).map(([name, { defaultValue }]) => [
          name,
          defaultValue?.replaceAll(/[[\]]/g, ""),
        ]),
      ),
    );
    expect(bicep).toContain("module alertferry 'template.json'");
    expect(passed.map(([, name]) => name)).toEqual(Object.keys(template.parameters));
    for (const [, name, value] of [...passed, ...outputs]) expect(value).toBe(name);
    expect(outputs.map(([, name]) => name)).toEqual(Object.keys(template.outputs));
  });
});
