import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What is frozen of a release: what lay in Redis when it was stopped in the middle of its work, and the truth about it. */
export const RELEASES = "test/fixtures/releases";

/** A key that protects nothing: some of the frozen batches are sealed with it. */
export const FROZEN_KEY = Buffer.alloc(32, "alertferry").toString("base64");

/** Room for some of the archive's batches: what comes then is a gap. */
const SMALL_BACKLOG = "12000B";

/** A version that the source held. */
export interface HeldVersion {
  readonly tenant: string;
  readonly tenantId: string;
  readonly alertId: string;
  readonly updatedText: string;
  readonly revision: number;
  /** Whether the source shows it still; else a newer one took its place. */
  readonly isShown: boolean;
  readonly raw: string;
}

/** What a sink had got. */
export interface GivenAlert {
  readonly sink: string;
  readonly tenant: string;
  readonly eventId: string;
  readonly alertId: string;
  readonly seq: number;
  readonly revision: number;
}

interface FrozenRelease {
  /** Commands, see `writeKeyspace`. */
  readonly redis: readonly string[];
  readonly held: readonly HeldVersion[];
  readonly given: readonly GivenAlert[];
}

export const FROZEN_FILES = { redis: "redis.ndjson", held: "held.ndjson", given: "given.ndjson" } as const;

export function readRelease(version: string): FrozenRelease {
  const lines = (file: string) =>
    readFileSync(join(RELEASES, version, file), "utf8")
      .split("\n")
      .filter(Boolean);
  return {
    redis: lines(FROZEN_FILES.redis),
    held: lines(FROZEN_FILES.held).map((line) => JSON.parse(line) as HeldVersion),
    given: lines(FROZEN_FILES.given).map((line) => JSON.parse(line) as GivenAlert),
  };
}

/** The two sinks that alerts were on their way to. */
export function frozenSinks(splunkUrl: string, archiveUrl: string, token: string) {
  const sink = {
    type: "splunk_hec",
    token,
    batch: { maxAlerts: 5 },
    retry: { minDelay: "100ms", maxDelay: "500ms" },
  };
  return {
    splunk: { ...sink, url: splunkUrl },
    archive: { ...sink, url: archiveUrl, backlog: { maxBytes: SMALL_BACKLOG } },
  };
}

export type FrozenSinks = ReturnType<typeof frozenSinks>;
