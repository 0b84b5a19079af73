import { setTimeout as sleep } from "node:timers/promises";
import { findConfig, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { credentialsOf } from "../daemon/expiry.ts";
import { type Snapshot, takeSnapshot } from "../pipeline/snapshot.ts";
import type { Store } from "../queue/store.ts";
import { type Command, textOption } from "./command.ts";
import { atDesk } from "./desk.ts";
import { bar, bytes, duration, plural, table } from "./table.ts";

const LOOK_EVERY_MS = 2000;
const CLEAR = "\u001b[H\u001b[J";

export const status: Command = {
  summary: "Shows how far each tenant is read, and what waits for each sink.",
  options: { watch: { type: "boolean" } },
  help: ["--watch   again every two seconds, until it is interrupted", "--json    print JSON"],
  async run(options, io) {
    const { config } = loadConfig(findConfig(textOption(options, "config")));
    return await atDesk(config, async ({ store }) => {
      for (;;) {
        const now = await lookAt(config, store);
        const text =
          options["json"] === true ? JSON.stringify(now, undefined, 2) : statusLines(now).join("\n");
        io.out(options["watch"] === true && io.isTerminal ? `${CLEAR}${text}` : text);
        if (options["watch"] !== true) return 0 as const;
        await sleep(LOOK_EVERY_MS);
      }
    });
  },
};

export function lookAt(config: Config, store: Store): Promise<Snapshot> {
  return takeSnapshot(store, {
    places: config.tenants.flatMap(({ id, sources }) => sources.map((source) => ({ tenant: id, source }))),
    sinks: Object.keys(config.sinks),
    credentials: () => credentialsOf(config.tenants),
  });
}

function statusLines({ verdict, totals, tenants, sinks, windows }: Snapshot): string[] {
  const nowMs = Date.now();
  const ago = (iso: string | null) =>
    iso === null ? "never" : `${duration((nowMs - Date.parse(iso)) / 1000)} ago`;
  const { enqueued, delivered, dead, waiting, balances } = totals;
  return [
    verdict.sentence,
    "",
    ...table(
      ["tenant", "source", "read up to", "last round", "outcome", "last new", "state"],
      tenants.map(({ tenant, source, lagSeconds, lastPoll, outcome, error, lastNew, state }) => [
        tenant,
        source,
        lagSeconds === null ? "not yet" : `${duration(lagSeconds)} ago`,
        ago(lastPoll),
        error === null ? (outcome ?? "-") : `${outcome}${error.code === null ? "" : ` (${error.code})`}`,
        ago(lastNew),
        state,
      ]),
    ),
    "",
    ...table(
      ["sink", "waiting", "in Redis", "oldest", "gaps", "dead letters", "state"],
      sinks.map(({ sink, backlogAlerts, backlogBytes, oldestSeconds, gaps, deadLetters, state, resting }) => [
        sink,
        backlogAlerts,
        bytes(backlogBytes),
        backlogAlerts === 0 ? "-" : duration(oldestSeconds),
        gaps,
        deadLetters,
        resting === null
          ? state
          : `${state}: ${resting.kind}${resting.code === undefined ? "" : ` (${resting.code})`}`,
      ]),
    ),
    ...(windows.length === 0 ? [] : ["", `${plural(windows.length, "window")} being read:`]),
    ...windows.map(({ tenant, source, window, sinks: names, progress, queued }) =>
      window.kind === "hole"
        ? `${tenant} ${source} fails to give out what was updated at ${window.from}; it is asked for again`
        : `${bar(progress)}  ${window.kind} of ${tenant} ${source} for ${names.join(", ")}, ${plural(queued, "alert")} queued`,
    ),
    "",
    `queued ${enqueued} = delivered ${delivered} + dead-lettered ${dead} + waiting ${waiting}${
      balances ? "" : "   (does not add up: run reconcile)"
    }`,
  ];
}
