import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { METRICS } from "../../src/telemetry/measures.ts";
import { DASHBOARD_FILE, panelQueries, readDashboard } from "../support/dashboard.ts";

const { uid, panels, templating, annotations } = readDashboard();
const SHOWING = panels.filter(({ type }) => type !== "row");
const KINDS = ["row", "stat", "timeseries", "table", "state-timeline"];
const VARIABLES = { tenant: "contoso", sink: "splunk", __rate_interval: "1m", __range: "6h" };

describe("the dashboard", () => {
  it("has panels that Grafana brings itself, each named and numbered once", () => {
    expect(uid).toBe("alertferry");
    expect(panels.map(({ type }) => type).filter((type) => !KINDS.includes(type))).toEqual([]);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  });

  it("lays its panels out without a hole in a line, and without one over another", () => {
    const cells = panels.flatMap(({ title, gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => ({
        title,
        cell: `${x + (at % w)},${y + Math.floor(at / w)}`,
      })),
    );
    const height = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h));

    expect(new Set(cells.map(({ cell }) => cell)).size).toBe(cells.length);
    expect(cells).toHaveLength(24 * height);
  });

  it.each(SHOWING)("explains and measures what it shows: $title", (panel) => {
    const { unit, thresholds } = panel.fieldConfig?.defaults ?? {};

    expect(panel.description).toMatch(/^[A-Za-z].*\.$/);
    expect(unit).toBeDefined();
    expect(thresholds).toBeDefined();
    expect(panel.targets?.length).toBeGreaterThan(0);
    for (const { datasource } of panel.targets ?? []) expect(datasource.uid).toBe(`\${datasource}`);
  });

  it("asks for metrics that the daemon has, and leaves none out of sight", () => {
    const asked = panelQueries(VARIABLES).flatMap(({ expression }) =>
      [...expression.matchAll(/\balertferry_([a-z_]+)/g)].map(([, name = ""]) =>
        name.replace(/_(bucket|count|sum)$/, ""),
      ),
    );
    const left = Object.keys(METRICS).filter((name) => !asked.includes(name));

    expect(asked.filter((name) => !(name in METRICS))).toEqual([]);
    expect(left).toEqual([]);
  });

  it("lets the tenant and the sink be chosen, from metrics that have one of each", () => {
    const chosen = Object.fromEntries(templating.list.map(({ name, definition }) => [name, definition]));

    expect(chosen).toEqual({
      datasource: undefined,
      tenant: "label_values(alertferry_poll_failures, tenant)",
      sink: "label_values(alertferry_sink_breaker_open, sink)",
    });
    expect(annotations.list.map(({ expr }) => expr)).toContainEqual(expect.stringContaining("ALERTS{"));
  });
});

describe("provisioning", () => {
  const provisioned = (path: string): unknown =>
    parse(readFileSync(`config/grafana/provisioning/${path}`, "utf8"));

  it("names the folder that docs/monitoring.md says to mount the dashboard at", () => {
    expect(provisioned("dashboards/alertferry.yaml")).toMatchObject({
      apiVersion: 1,
      providers: [{ type: "file", options: { path: "/var/lib/grafana/dashboards" } }],
    });
    expect(readFileSync("docs/monitoring.md", "utf8")).toContain("`/var/lib/grafana/dashboards`");
    expect(existsSync(dirname(DASHBOARD_FILE))).toBe(true);
  });

  it("has one Prometheus, which scrapes as often as our configuration says", () => {
    const { global } = parse(readFileSync("config/prometheus/prometheus.yml", "utf8")) as {
      global: { scrape_interval: string };
    };

    expect(provisioned("datasources/prometheus.yaml")).toMatchObject({
      apiVersion: 1,
      datasources: [
        { type: "prometheus", isDefault: true, jsonData: { timeInterval: global.scrape_interval } },
      ],
    });
  });
});
