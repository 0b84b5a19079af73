import { setTimeout as sleep } from "node:timers/promises";
import { findConfig, loadConfig } from "../config/load.ts";
import { formatTicks } from "../model/ticks.ts";
import { progressOf, type Span } from "../model/window.ts";
import { isOwn } from "../pipeline/forward.ts";
import type { Place } from "../pipeline/routes.ts";
import type { WindowRequest } from "../queue/windows.ts";
import { type Command, type ExitCode, type Io, textOption } from "./command.ts";
import { atDesk, type Desk } from "./desk.ts";
import { readSpan, SPAN_HELP, SPAN_OPTIONS, withPlaces } from "./span.ts";
import { bar, plural, table } from "./table.ts";

const LOOK_EVERY_MS = 500;

export const replay: Command = {
  summary:
    "Sends alerts of a time again; each keeps the number of its first sending and says that it is a replay.",
  options: { ...SPAN_OPTIONS, "dry-run": { type: "boolean" }, wait: { type: "boolean" } },
  help: [
    ...SPAN_HELP,
    "--dry-run       count what would be sent, and send nothing",
    "--wait          wait until all of it is in the queues, and show how far it is",
    "--json          print JSON",
  ],
  async run(options, io) {
    const { config } = loadConfig(findConfig(textOption(options, "config")));
    const span = readSpan(options, Date.now());
    return await withPlaces(config, options, async (places) => {
      const isJson = options["json"] === true;
      if (options["dry-run"] === true) return await count(places, span, io, isJson);
      return await atDesk(config, (desk) =>
        queue(desk, places, span, io, { isJson, wait: options["wait"] === true }),
      );
    });
  },
};

async function count(places: readonly Place[], span: Span, io: Io, isJson: boolean): Promise<ExitCode> {
  const rows: { tenant: string; source: string; sink: string; alerts: number }[] = [];
  for (const place of places) {
    const counts = place.routes.map((route) => ({ route, alerts: 0 }));
    for await (const { alerts } of place.reader.read(span, new AbortController().signal)) {
      const own = alerts.filter((alert) => isOwn(alert, place));
      for (const each of counts) each.alerts += own.filter((alert) => each.route.accepts(alert)).length;
    }
    const { tenant, source } = place;
    rows.push(
      ...counts.map(({ route, alerts }) => ({ tenant: tenant.id, source, sink: route.sink, alerts })),
    );
  }
  if (isJson) io.out(JSON.stringify(rows, undefined, 2));
  else
    for (const line of table(
      ["tenant", "source", "sink", "alerts"],
      rows.map(({ tenant, source, sink, alerts }) => [tenant, source, sink, alerts]),
    ))
      io.out(line);
  return 0;
}

async function queue(
  { store, jobs }: Desk,
  places: readonly Place[],
  span: Span,
  io: Io,
  { isJson, wait }: { readonly isJson: boolean; readonly wait: boolean },
): Promise<ExitCode> {
  const createdMs = Date.now();
  const windows = places.flatMap(({ tenant, source, routes }) =>
    routes.map(
      ({ sink }): WindowRequest => ({
        id: `replay.${sink}.${tenant.id}.${source}.${createdMs.toString(36)}`,
        kind: "replay",
        tenant: tenant.id,
        source,
        sinks: [sink],
        ...span,
        createdMs,
      }),
    ),
  );
  for (const window of windows) await store.openWindow(window);
  await jobs.addWindows(windows);
  if (!isJson) {
    io.out(
      `Queued ${plural(windows.length, "window")} from ${formatTicks(span.from)} to ${formatTicks(span.to)}.`,
    );
  }
  const queued = wait ? await untilDone({ store }, windows, io) : undefined;
  if (isJson)
    io.out(
      JSON.stringify({ windows: windows.map(({ id }) => id), ...(wait ? { queued } : {}) }, undefined, 2),
    );
  else if (queued !== undefined) io.out(`${plural(queued, "alert")} in the queues.`);
  return 0;
}

/** @returns how many alerts were queued. */
async function untilDone(
  { store }: Pick<Desk, "store">,
  windows: readonly WindowRequest[],
  io: Io,
): Promise<number> {
  for (;;) {
    const states = await Promise.all(windows.map(({ id }) => store.window(id)));
    const isOpen = states.filter((state) => state !== undefined && !("doneMs" in state));
    const share =
      states.reduce((sum, state) => sum + (state === undefined ? 1 : progressOf(state)), 0) / states.length;
    const queued = states.reduce((sum, state) => sum + (state?.queued ?? 0), 0);
    if (io.isTerminal)
      io.progress(`${bar(share)}  ${plural(queued, "alert")}${isOpen.length === 0 ? "\n" : ""}`);
    if (isOpen.length === 0) return queued;
    await sleep(LOOK_EVERY_MS);
  }
}
