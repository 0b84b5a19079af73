import { findConfig, loadConfig } from "../config/load.ts";
import { type Config, createSink } from "../config/schema.ts";
import { createAccessPool } from "../daemon/access.ts";
import { DeliveryError, describeProblem, type FailureKind, SourceError } from "../model/failure.ts";
import { checkRedis, connectRedis, externalRedis } from "../queue/connection.ts";
import { definitionOf } from "../sources/index.ts";
import { permissionOf } from "../sources/source.ts";
import { type Command, textOption } from "./command.ts";

/** One thing that was tried. */
interface Finding {
  readonly what: string;
  readonly ok: boolean;
  readonly says: string;
  /** What to do about it; empty when nothing is to be done. */
  readonly todo: string;
}

/** So many tenants are asked at once. */
const AT_ONCE = 16;

const REMEDIES: Readonly<Record<FailureKind, string>> = {
  transient: "Try again; if it stays, look at the network, the proxy and the other side.",
  throttled: "Wait as long as it says; another program may use the same application.",
  unauthorized:
    "Check the credentials and what they may do; for a tenant also its admin's consent and the app roles.",
  misconfigured: "Check the address, the ids and the certificates in the configuration.",
  rejected: "Check what the other side accepts.",
};

export const check: Command = {
  summary: "Validates the configuration; with --connect also signs in, reads a page and probes every sink.",
  options: { connect: { type: "boolean" } },
  help: [
    "--connect   sign in to every tenant, read one page of alerts, probe every sink and Redis",
    "--json      print the findings as JSON",
  ],
  async run(options, io) {
    const path = findConfig(textOption(options, "config"));
    const { config, warnings } = loadConfig(path);
    const findings = options["connect"] === true ? await connect(config) : [];
    if (options["json"] === true) {
      io.out(JSON.stringify({ file: path, valid: true, warnings, findings }, undefined, 2));
    } else {
      for (const warning of warnings) io.out(`warning  ${describeProblem(warning)}`);
      const sinks = Object.keys(config.sinks).length;
      io.out(`ok       ${path}: ${count(config.tenants.length, "tenant")}, ${count(sinks, "sink")}`);
      for (const finding of findings) io.out(line(finding));
    }
    return findings.every(({ ok }) => ok) ? 0 : 3;
  },
};

function line({ ok, what, says, todo }: Finding): string {
  const first = `${ok ? "ok     " : "failed "}  ${what}: ${says}`;
  return todo === "" ? first : `${first}\n         -> ${todo}`;
}

async function connect(config: Config): Promise<Finding[]> {
  const findings = [await probeRedis(config)];
  findings.push(...(await inGroups(Object.keys(config.sinks), (name) => probeSink(name, config))));
  const pool = createAccessPool(config.memory);
  const places = config.tenants.flatMap((tenant) => tenant.sources.map((source) => ({ tenant, source })));
  findings.push(
    ...(await inGroups(places, async ({ tenant, source }) => {
      const definition = definitionOf(source);
      const what = `tenant ${tenant.id}, ${source}`;
      return await attempt(
        what,
        async () => {
          const alerts = await definition.create(pool.for(tenant).live).probe(new AbortController().signal);
          return `signed in and read a page (${alerts === 0 ? "no alert in it" : "alerts are there"})`;
        },
        `It needs the permission ${permissionOf(definition)}.`,
      );
    })),
  );
  pool.close();
  return findings;
}

async function probeRedis(config: Config): Promise<Finding> {
  const { queue } = config;
  const { redis: url } = queue;
  // The embedded Redis is started with the daemon, which may be running now and own the directory.
  if (url === undefined) return { what: "redis", ok: true, says: `embedded, in ${queue.dataDir}`, todo: "" };
  return await attempt("redis", async () => {
    const place = externalRedis(url);
    const redis = connectRedis(place, () => undefined);
    try {
      return (await checkRedis(redis, place)) ?? `${place.name} is fit`;
    } finally {
      redis.disconnect();
    }
  });
}

async function probeSink(name: string, config: Config): Promise<Finding> {
  const settings = config.sinks[name];
  if (settings === undefined) return { what: `sink ${name}`, ok: false, says: "is not defined", todo: "" };
  const sink = createSink(settings);
  try {
    return await attempt(`sink ${name}`, async () => {
      await sink.probe(AbortSignal.timeout(settings.timeout));
      return `${settings.type} is reachable and lets us in`;
    });
  } finally {
    await sink.close();
  }
}

async function attempt(what: string, work: () => Promise<string>, hint = ""): Promise<Finding> {
  try {
    return { what, ok: true, says: await work(), todo: "" };
  } catch (cause) {
    const says = cause instanceof Error ? cause.message : String(cause);
    const kind =
      cause instanceof SourceError || cause instanceof DeliveryError ? cause.kind : "misconfigured";
    return {
      what,
      ok: false,
      says,
      todo: [REMEDIES[kind], kind === "unauthorized" ? hint : ""].join(" ").trim(),
    };
  }
}

async function inGroups<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(work))));
  }
  return results;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}
