import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { type LoadedConfig, loadConfig } from "../config/load.ts";

/** How often the files are looked at. Watching by the system misses the way Kubernetes swaps mounted files. */
const LOOK_EVERY_MS = 5000;

export interface ConfigWatcher {
  /** Reads the configuration now, whether its files changed or not. */
  look(): void;
  /** Resolves when no reload is under way any more. */
  stop(): Promise<void>;
}

/** Reads the configuration again when one of its files changes; each state of the files is tried once. */
export function watchConfig(
  path: string,
  first: LoadedConfig,
  tell: { changed: (loaded: LoadedConfig) => Promise<void>; rejected: (error: unknown) => void },
): ConfigWatcher {
  let watched: Pick<LoadedConfig, "files" | "folders"> = first;
  let seen = fingerprint(watched);
  let turn: Promise<void> = Promise.resolve();

  async function reload(): Promise<void> {
    try {
      const loaded = loadConfig(path);
      watched = loaded;
      seen = fingerprint(watched);
      await tell.changed(loaded);
    } catch (error) {
      tell.rejected(error);
    }
  }
  const enqueue = (work: () => Promise<void> | undefined) => {
    turn = turn.then(work);
  };

  const timer = setInterval(() => {
    enqueue(() => {
      const now = fingerprint(watched);
      if (now === seen) return undefined;
      seen = now;
      return reload();
    });
  }, LOOK_EVERY_MS);
  return {
    look: () => enqueue(reload),
    async stop() {
      clearInterval(timer);
      await turn;
    },
  };
}

/** What the files hold and which ones the folders hold; a file that is missing for a moment counts as empty. */
function fingerprint({ files, folders }: Pick<LoadedConfig, "files" | "folders">): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${file}\n`).update(orEmpty(() => readFileSync(file)));
  for (const folder of folders) hash.update(orEmpty(() => readdirSync(folder).join("\n")));
  return hash.digest("hex");
}

function orEmpty<T extends string | Buffer>(read: () => T): T | "" {
  try {
    return read();
  } catch {
    return "";
  }
}
