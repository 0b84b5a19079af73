import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { freePort, type Running, start, temporaryFolder } from "./processes.ts";
import { unpacked } from "./receivers.ts";
import { until } from "./until.ts";

/** The files that users hang into their Prometheus. */
export const PROMETHEUS_FOLDER = join(import.meta.dirname, "../../config/prometheus");

/** One series of an answer and its value now. */
interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** An alert whose cause is there: `pending` until it has lasted for as long as its rule asks for. */
interface ActiveAlert {
  readonly name: string;
  readonly state: "pending" | "firing";
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Prometheus {
  readonly url: string;
  /** Executes an expression. @throws Error with its own words where it cannot. */
  query(expression: string): Promise<readonly Sample[]>;
  /** The only value that an expression has. @throws Error where it has none or several. */
  value(expression: string): Promise<number>;
  alerts(): Promise<readonly ActiveAlert[]>;
  /** Names of the alerts that are firing, each once, in alphabetical order. */
  firing(): Promise<readonly string[]>;
  /** What is wrong with rules that it could not evaluate. */
  brokenRules(): Promise<readonly string[]>;
}

interface PrometheusOptions {
  /** `http://127.0.0.1:8080` of each daemon. */
  readonly targets: readonly string[];
  /** Paths of files with rules; `await quickRules()` for those that we ship. */
  readonly rules?: readonly string[];
}

/** A real Prometheus on a free port that scrapes once a second, and evaluates its rules as often. Gone after the test. */
export async function startPrometheus({ targets, rules = [] }: PrometheusOptions): Promise<Prometheus> {
  const folder = await temporaryFolder();
  const port = await freePort();
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: rules,
    scrape_configs: [
      {
        job_name: "alertferry",
        static_configs: [{ targets: targets.map((target) => new URL(target).host) }],
      },
    ],
  };
  const file = join(folder, "prometheus.yml");
  // JSON is YAML.
  await writeFile(file, JSON.stringify(config));
  const url = `http://127.0.0.1:${port}`;
  const running = start(unpacked("bin/prometheus"), [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--log.level=warn",
  ]);
  await until("Prometheus is ready", () => isReady(running, url));
  return askingAt(url);
}

function askingAt(url: string): Prometheus {
  async function ask(path: string): Promise<unknown> {
    const reply = (await (await fetch(`${url}/api/v1/${path}`)).json()) as Reply;
    if (reply.status !== "success") throw new Error(`${decodeURIComponent(path)}: ${reply.error}`);
    return reply.data;
  }
  async function query(expression: string): Promise<readonly Sample[]> {
    const found = (await ask(`query?query=${encodeURIComponent(expression)}`)) as QueryResult;
    const rows = found.resultType === "scalar" ? [{ metric: {}, value: found.result }] : found.result;
    return rows.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }
  async function alerts(): Promise<readonly ActiveAlert[]> {
    const { alerts: active } = (await ask("alerts")) as { alerts: Omit<ActiveAlert, "name">[] };
    return active.map((alert) => ({ ...alert, name: alert.labels["alertname"] ?? "" }));
  }
  return {
    url,
    query,
    alerts,
    async value(expression) {
      const [first, ...more] = await query(expression);
      if (first === undefined || more.length > 0)
        throw new Error(`${expression} has ${first === undefined ? "no value" : "several values"}.`);
      return first.value;
    },
    async firing() {
      const firing = (await alerts()).filter(({ state }) => state === "firing");
      return [...new Set(firing.map(({ name }) => name))].sort();
    },
    async brokenRules() {
      const { groups } = (await ask("rules")) as RuleGroups;
      const rules = groups.flatMap((group) => group.rules);
      return rules
        .filter(({ health }) => health !== "ok")
        .map(({ name, lastError }) => `${name}: ${lastError}`);
    },
  };
}

type Value = readonly [time: number, value: string];
interface Reply {
  readonly status: "success" | "error";
  readonly error?: string;
  readonly data: unknown;
}
type QueryResult =
  | { readonly resultType: "scalar"; readonly result: Value }
  | {
      readonly resultType: "vector";
      readonly result: readonly { readonly metric: Sample["labels"]; readonly value: Value }[];
    };

interface RuleGroups {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly name: string;
      readonly health: string;
      readonly lastError?: string;
    }[];
  }[];
}

async function isReady(running: Running, url: string): Promise<boolean> {
  if (running.child.exitCode !== null) throw new Error(`Prometheus ended: ${running.err()}`);
  return await fetch(`${url}/-/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Files with rules that we ship. */
function shippedRules(): readonly string[] {
  return readdirSync(PROMETHEUS_FOLDER)
    .filter((name) => name.endsWith(".rules.yml"))
    .sort()
    .map((name) => join(PROMETHEUS_FOLDER, name));
}

/** Every expression of our rules. */
export function shippedExpressions(): readonly string[] {
  return shippedRules().flatMap((path) => {
    const { groups } = parse(readFileSync(path, "utf8")) as { groups: { rules: { expr: string }[] }[] };
    return groups.flatMap(({ rules }) => rules.map(({ expr }) => expr));
  });
}

/** Copies of our rules in which a minute lasts a second and no alert waits longer than that for its cause to last. */
export async function quickRules(): Promise<readonly string[]> {
  const folder = await temporaryFolder();
  return await Promise.all(
    shippedRules().map(async (path, at) => {
      const copy = join(folder, `${at}.rules.yml`);
      await writeFile(copy, hastened(readFileSync(path, "utf8")));
      return copy;
    }),
  );
}

/** `for: 10m` becomes `for: 1s`, `[10m]` becomes `[10s]`, `offset 1h` becomes `offset 60s`, `> 15 * 60` becomes `> 15 * 1`. */
function hastened(rules: string): string {
  return rules
    .replaceAll(/^(?<before>\s+for: )\d+[smhd]$/gm, "$<before>1s")
    .replaceAll(/(\[|offset )(\d+)([mh])\b/g, (_, before: string, count: string, unit: string) => {
      return `${before}${Number(count) * (unit === "h" ? 60 : 1)}s`;
    })
    .replaceAll(/ \* 60\b/g, " * 1");
}

/** Runs promtool. */
export async function promtool(
  ...args: readonly string[]
): Promise<{ readonly code: number | NodeJS.Signals; readonly words: string }> {
  const running = start(unpacked("bin/promtool"), args);
  const code = await running.ended;
  return { code, words: `${running.out()}${running.err()}` };
}
