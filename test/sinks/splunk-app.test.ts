import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isObject } from "../../src/model/alert.ts";
import type { ReceivedEvent } from "../../src/simulate/hec-receiver.ts";
import { inventedEnvelopes } from "../support/invented.ts";
import { endless } from "../support/sink-contract.ts";
import { aReceiver, aSink } from "./collector.ts";

const APP = join(import.meta.dirname, "../../config/splunk/alertferry");
const read = (path: string) => readFileSync(join(APP, path), "utf8");

type Stanzas = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** A configuration file as Splunk reads it: `[name]`, `key = value`, and `\` at the end of a line that goes on. */
function stanzasOf(path: string): Stanzas {
  const stanzas = new Map<string, Map<string, string>>();
  let current = new Map<string, string>();
  for (const line of read(path).replace(/\\\n/g, " ").split("\n")) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const name = /^\[(.*)\]$/.exec(line)?.[1];
    const [, key, value] = /^([^=]+?)\s*=\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      current = new Map();
      stanzas.set(name, current);
    } else if (key !== undefined) current.set(key, value ?? "");
    else throw new Error(`${path} has a line that Splunk cannot read: ${line}`);
  }
  return stanzas;
}

const SEARCHES = [...stanzasOf("default/savedsearches.conf")].map(
  ([name, stanza]) => [name, stanza.get("search") ?? ""] as const,
);
const DASHBOARD = read("default/data/ui/views/alertferry.xml");
const PANELS = [...DASHBOARD.matchAll(/<query>([^<]+)<\/query>/g)].map(
  ([, query = ""], index) => [`panel ${index + 1} of the dashboard`, query] as const,
);

const SPLUNKS_OWN = ["_index_earliest", "_indextime", "_time", "host", "index", "source", "sourcetype"];
const LANGUAGE =
  /^(AND|AS|BY|WHERE|count|current|dedup|eval|f|false|fieldformat|last|sort|span|stats|streamstats|table|timechart|tstats|where|window)$/;

/** Every field that a search reads and does not make itself. */
function fieldsIn(search: string): readonly string[] {
  const macro = stanzasOf("default/macros.conf").get("alertferry")?.get("definition") ?? "";
  const plain = search
    .replaceAll("`alertferry`", macro)
    .replace(/"[^"]*"|\$[^$]*\$/g, '""')
    .replace(/\b\w+(?=\()/g, "");
  const made = new Set(
    [...plain.matchAll(/\bAS (\w+)|(?:\b(?:eval|fieldformat) |, )(\w+)=/g)].map(([, as, eq]) => as ?? eq),
  );
  const named = [...plain.matchAll(/(?<![\w=-])[A-Za-z_]\w*/g)].map(([name]) => name);
  return [...new Set(named)].filter((name) => !made.has(name) && !LANGUAGE.test(name));
}

/** What really arrives, in one shape. */
async function eventsAs(compat: string): Promise<readonly ReceivedEvent[]> {
  const hec = await aReceiver();
  const sink = aSink(hec.url, { compat });
  for (const source of ["graph_alerts", "mde_alerts"] as const)
    await sink.deliver(inventedEnvelopes(source, 100), endless());
  return hec.events;
}

/** `evidence{}.userAccount.userPrincipalName`, as Splunk names what it finds in JSON. */
function pathsIn(value: unknown, path = ""): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((each: unknown) => pathsIn(each, `${path}{}`));
  if (!isObject(value)) return [path];
  return Object.entries(value).flatMap(([key, each]) => pathsIn(each, path === "" ? key : `${path}.${key}`));
}

describe("every search of the app", () => {
  it("is one of three reports or a panel", () => {
    expect(SEARCHES.map(([name]) => name)).toEqual([
      "alertferry missing numbers",
      "alertferry repetitions",
      "alertferry delay by tenant",
    ]);
    expect(PANELS.length).toBe(3);
    for (const [, name] of DASHBOARD.matchAll(/<search ref="([^"]+)"/g))
      expect(SEARCHES.map(([title]) => title)).toContain(name);
  });

  it.each([...SEARCHES, ...PANELS])("names only fields that we send: %s", async (_, search) => {
    const known = new Set([...SPLUNKS_OWN, ...stanzasOf("default/fields.conf").keys()]);

    expect(fieldsIn(search).length).toBeGreaterThan(2);
    expect(fieldsIn(search).filter((name) => !known.has(name))).toEqual([]);
  });

  it("goes by the numbers of each tenant, the names of versions, and two clocks", () => {
    const [missing, repetitions, delay] = SEARCHES.map(([, search]) => search);

    expect(missing).toMatch(/BY index tenant tenant_id seq .* seq > last_seq \+ 1/);
    expect(repetitions).toMatch(/replay=false BY index tenant event_id \s*\| where count > 1/);
    expect(delay).toMatch(/eval delay=_indextime - _time/);
  });
});

describe("fields.conf", () => {
  it.each(["addon", "cim", "ocsf", "raw"])(
    "names exactly the fields that come with each event: %s",
    async (compat) => {
      const declared = stanzasOf("default/fields.conf");
      const always = (await eventsAs(compat)).map(({ fields }) => Object.keys(fields));
      const cim = [
        "app",
        "description",
        "dest",
        "id",
        "mitre_technique_id",
        "severity",
        "signature",
        "signature_id",
        "src",
      ];

      for (const names of always) {
        const ours = names.filter(
          (name) => !(compat === "cim" && [...cim, "type", "user", "vendor_account"].includes(name)),
        );
        expect(ours.sort()).toEqual([...declared.keys()].sort());
      }
      for (const stanza of declared.values()) expect(stanza.get("INDEXED")).toBe("true");
    },
  );
});

describe("props.conf", () => {
  const props = stanzasOf("default/props.conf");
  const CIM = [
    "app",
    "dest",
    "mitre_technique_id",
    "severity",
    "signature",
    "signature_id",
    "src",
    "type",
    "user",
    "vendor_account",
  ];

  it("is for the sourcetypes of raw and ocsf, and touches none of the add-on's", async () => {
    const sent = new Set(
      [...(await eventsAs("raw")), ...(await eventsAs("ocsf"))].map(({ sourcetype }) => sourcetype),
    );

    expect([...props.keys()].sort()).toEqual([...sent].sort());
  });

  it.each(["alertferry:graph_alerts", "alertferry:mde_alerts", "alertferry:ocsf"])(
    "makes the CIM fields of %s from what stands in the events",
    async (sourcetype) => {
      const stanza = props.get(sourcetype) ?? new Map<string, string>();
      const events = await eventsAs(sourcetype === "alertferry:ocsf" ? "ocsf" : "raw");
      const own = events.filter((event) => event.sourcetype === sourcetype);
      const present = new Set(own.flatMap(({ text }) => pathsIn(JSON.parse(text))));
      const aliases = [...(stanza.get("FIELDALIAS-alertferry") ?? "").matchAll(/(\S+) AS (\S+)/g)];
      const evals = [...stanza].filter(([key]) => key.startsWith("EVAL-"));
      const lookup = /^alertferry_severity word AS (\w+) OUTPUT (.+)$/.exec(
        stanza.get("LOOKUP-alertferry") ?? "",
      );
      const read = [
        ...aliases.map(([, from]) => from),
        ...evals.flatMap(([, value]) => [...value.matchAll(/'([^']+)'/g)].map(([, path]) => path)),
        ...evals.flatMap(([, value]) =>
          [...value.replace(/'[^']*'|"[^"]*"/g, "").matchAll(/\b[a-z]\w+\b(?!\()/gi)].map(([path]) => path),
        ),
        lookup?.[1],
      ];
      const made = [
        ...aliases.map(([, , to]) => to),
        ...evals.map(([key]) => key.slice("EVAL-".length)),
        ...(lookup?.[2] ?? "").split(" "),
        ...present,
      ];

      expect(read.filter((path) => path === undefined || !present.has(path))).toEqual([]);
      expect(made).toEqual(expect.arrayContaining([...CIM, "id", "description"]));
    },
  );

  it("finds its lookup, and the lookup its file", () => {
    const [name, lookup] = [...stanzasOf("default/transforms.conf")][0] ?? [];
    const [header, ...lines] = read(`lookups/${lookup?.get("filename")}`)
      .trim()
      .split("\n");

    expect(name).toBe("alertferry_severity");
    expect(header).toBe("word,severity,severity_id");
    expect(lines.map((line) => line.split(",").length)).toEqual(lines.map(() => 3));
    for (const word of ["informational", "low", "medium", "high", "critical", "unspecified"])
      expect(lines.filter((line) => line.startsWith(`${word},`))).toHaveLength(1);
  });
});

describe("the rest of the app", () => {
  it.each(["default/app.conf", "default/eventtypes.conf", "default/tags.conf", "metadata/default.meta"])(
    "can be read: %s",
    (path) => {
      expect(stanzasOf(path).size).toBeGreaterThan(0);
    },
  );

  it("tags every event of ours as an alert", async () => {
    const eventtype = stanzasOf("default/eventtypes.conf").get("alertferry_alert")?.get("search");
    const [event] = await eventsAs("addon");

    expect(eventtype).toBe('source="alertferry:*"');
    expect(event?.source).toMatch(/^alertferry:/);
    expect(stanzasOf("default/tags.conf").get("eventtype=alertferry_alert")?.get("alert")).toBe("enabled");
  });

  it.each(["default/data/ui/views/alertferry.xml", "default/data/ui/nav/default.xml"])(
    "is well-formed: %s",
    (path) => {
      const open: string[] = [];
      for (const [, closing, name = "", empty] of read(path).matchAll(/<(\/?)([a-z]+)\b[^>]*?(\/?)>/g)) {
        if (closing === "/") expect(open.pop()).toBe(name);
        else if (empty !== "/") open.push(name);
      }

      expect(open).toEqual([]);
      expect(read(path)).not.toMatch(/&(?!amp;|lt;|gt;|quot;)/);
    },
  );
});
