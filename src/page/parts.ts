import type { Snapshot } from "../pipeline/snapshot.ts";
import type { Level } from "../pipeline/states.ts";
import { credentialsPart } from "./credentials.ts";
import { deadLettersPart, type LetterLine } from "./dead-letters.ts";
import type { Html } from "./html.ts";
import { sinksPart } from "./sinks.ts";
import { tenantRows, tenantsHead } from "./tenants.ts";
import { verdictPart } from "./verdict.ts";
import { windowsPart } from "./windows.ts";

/** What the page shows. */
export interface PageFacts {
  readonly snapshot: Snapshot;
  /** The newest dead letters. */
  readonly letters: readonly LetterLine[];
}

/** What changes in the page: elements by their id, and the rows of the tenants in their order. */
export interface Parts {
  readonly at: string;
  readonly level: Level;
  /** What is read out when the level changes. */
  readonly says: string;
  readonly sections: Readonly<Record<string, string>>;
  readonly rows: ReadonlyMap<string, string>;
}

export function drawParts({ snapshot, letters }: PageFacts): Parts {
  const sections: Readonly<Record<string, Html>> = {
    verdict: verdictPart(snapshot),
    sinks: sinksPart(snapshot),
    "tenants-head": tenantsHead(snapshot),
    windows: windowsPart(snapshot),
    "dead-letters": deadLettersPart(snapshot, letters),
    credentials: credentialsPart(snapshot),
  };
  return {
    at: snapshot.at,
    level: snapshot.verdict.level,
    says: snapshot.verdict.sentence,
    sections: Object.fromEntries(Object.entries(sections).map(([id, part]) => [id, part.html])),
    rows: tenantRows(snapshot, letters),
  };
}

/** What has to be sent to who holds `before`; with nothing before it, everything. */
export interface Change {
  readonly at: string;
  readonly level: Level;
  readonly says: string;
  readonly sections: Readonly<Record<string, string>>;
  readonly rows: Readonly<Record<string, string>>;
  /** The ids of all rows; absent while these stay where they are. */
  readonly order?: readonly string[];
}

export function changeOf({ at, level, says, sections, rows }: Parts, before?: Parts): Change {
  const order = [...rows.keys()];
  const isSameOrder = before !== undefined && order.join() === [...before.rows.keys()].join();
  return {
    at,
    level,
    says,
    sections: Object.fromEntries(
      Object.entries(sections).filter(([id, text]) => before?.sections[id] !== text),
    ),
    rows: Object.fromEntries([...rows].filter(([id, text]) => before?.rows.get(id) !== text)),
    ...(isSameOrder ? {} : { order }),
  };
}
