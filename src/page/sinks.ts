import { bytes } from "../model/words.ts";
import type { SinkStatus, Snapshot } from "../pipeline/snapshot.ts";
import { type Html, html } from "./html.ts";
import { number, since, stateMark } from "./marks.ts";
import { type Column, cell, part, row, rowHead, table } from "./table.ts";

const COLUMNS: readonly Column[] = [
  { title: "Sink" },
  { title: "State" },
  { title: "Waiting", kind: "number" },
  { title: "In Redis", kind: "number" },
  { title: "Oldest", kind: "number" },
  { title: "Gaps", kind: "number" },
  { title: "Dead letters", kind: "number" },
];

export function sinksPart({ sinks, at }: Snapshot): Html {
  const nowMs = Date.parse(at);
  return part(
    "sinks",
    "Sinks",
    table(
      "Sinks",
      COLUMNS,
      sinks.map((sink) => sinkRow(sink, nowMs)),
    ),
  );
}

function sinkRow(sink: SinkStatus, nowMs: number): Html {
  const { oldestAt } = sink;
  return row(
    [
      rowHead(sink.sink),
      cell("State", stateOf(sink, nowMs)),
      cell("Waiting", number(sink.backlogAlerts), "number"),
      cell("In Redis", sink.backlogBytes === 0 ? "–" : bytes(sink.backlogBytes), "number"),
      cell("Oldest", oldestAt === null ? "–" : since(oldestAt, nowMs), "number"),
      cell("Gaps", number(sink.gaps), "number"),
      cell("Dead letters", number(sink.deadLetters), "number"),
    ],
    html` id="sink-${sink.sink}"`,
  );
}

function stateOf({ state, resting }: SinkStatus, nowMs: number): Html {
  if (resting === null) return stateMark(state);
  const code = resting.code === undefined ? "" : ` (${resting.code})`;
  return html`${stateMark(state)} for ${since(resting.since, nowMs)}<span class="words">${resting.kind}${code}: ${resting.message}</span>`;
}
