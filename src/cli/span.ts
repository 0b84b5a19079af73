import type { Config } from "../config/schema.ts";
import { createAccessPool } from "../daemon/access.ts";
import { placesOf } from "../daemon/pipeline.ts";
import { parseTicks, type Ticks, ticksFromMs } from "../model/ticks.ts";
import type { Span } from "../model/window.ts";
import { Duration } from "../net/options.ts";
import type { Place } from "../pipeline/routes.ts";
import { listOption, type Options, textOption, UsageError } from "./command.ts";

/** The options by which commands are told what to read. */
export const SPAN_OPTIONS = {
  tenant: { type: "string", multiple: true },
  source: { type: "string", multiple: true },
  sink: { type: "string", multiple: true },
  since: { type: "string" },
  until: { type: "string" },
} as const;

export const SPAN_HELP = [
  "--tenant T      the tenant; may be given several times, or several with commas",
  "--source S      only this source; without it all of the tenant's",
  "--sink S        only this sink; without it all of the tenant's",
  "--since TIME    from when on, by last update: 2026-05-04T05:30:00Z, 2026-05-04, or back from now: 24h",
  "--until TIME    to when; without it now",
];

/** @throws UsageError */
export function readSpan(options: Options, nowMs: number): Span {
  const since = textOption(options, "since");
  if (since === undefined) throw new UsageError("--since TIME is missing.");
  const from = readTime(since, nowMs);
  const to = readTime(textOption(options, "until") ?? "0s", nowMs);
  if (from >= to) throw new UsageError("--since must be before --until.");
  return { from, to };
}

/** `2026-05-04T05:30:00Z`, `2026-05-04` (UTC), or `24h` ago. */
function readTime(text: string, nowMs: number): Ticks {
  const back = Duration.safeParse(text);
  if (back.success) return ticksFromMs(nowMs - back.data);
  const ticks = parseTicks(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
  if (ticks === undefined) {
    throw new UsageError(
      `${text} is no time. Write 2026-05-04T05:30:00Z, 2026-05-04, or 24h for a time ago.`,
    );
  }
  return ticks;
}

/** Runs with the places that the options name, able to read them. @throws UsageError */
export async function withPlaces<T>(
  config: Config,
  options: Options,
  work: (places: readonly Place[]) => Promise<T>,
): Promise<T> {
  const [tenants, sources, sinks] = ["tenant", "source", "sink"].map((name) => listOption(options, name));
  if (tenants === undefined || tenants.length === 0) throw new UsageError("--tenant T is missing.");
  known(
    "tenant",
    tenants,
    config.tenants.map(({ id }) => id),
  );
  known("sink", sinks ?? [], Object.keys(config.sinks));
  known(
    "source",
    sources ?? [],
    config.tenants.flatMap((tenant) => tenant.sources),
  );
  const isWanted = (list: readonly string[] | undefined, name: string) =>
    list === undefined || list.length === 0 || list.includes(name);
  const pool = createAccessPool(config.memory);
  try {
    const places = config.tenants
      .filter(({ id }) => tenants.includes(id))
      .flatMap((tenant) => placesOf(tenant, config, pool))
      .filter(({ source }) => isWanted(sources, source))
      .map((place) => ({ ...place, routes: place.routes.filter(({ sink }) => isWanted(sinks, sink)) }));
    return await work(places);
  } finally {
    pool.close();
  }
}

function known(what: string, named: readonly string[], all: readonly string[]): void {
  const unknown = named.find((name) => !all.includes(name));
  if (unknown === undefined) return;
  throw new UsageError(`There is no ${what} ${unknown}. Known: ${[...new Set(all)].join(", ")}.`);
}
