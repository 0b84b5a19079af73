import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SINKS } from "../../src/sinks/index.ts";
import { start, temporaryFolder } from "../support/processes.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The one file. */
const SINK = `import { z } from "zod";
import type { Envelope, NonEmpty } from "../model/envelope.ts";
import { classifyStatus } from "../net/classify.ts";
import { refusal, send } from "../net/delivery.ts";
import { createHttpClient } from "../net/http.ts";
import { HttpUrl } from "../net/options.ts";
import { commonSettings, defineSink, type Sink } from "./sink.ts";

const Config = z.strictObject({
  url: HttpUrl.describe("Address of the toy."),
  ...commonSettings({ maxAlerts: 500, maxBytes: "1MB", linger: "0ms", concurrency: 2 }),
});
type Config = z.output<typeof Config>;

export const toy = defineSink({
  type: "toy",
  summary: "A toy that takes one alert a line.",
  Config,
  create: createToy,
});

export function encodeLines(envelopes: NonEmpty<Envelope>): string {
  return envelopes.map(({ raw }) => \`\${String(raw).replace(/[\\r\\n]+/g, " ")}\\n\`).join("");
}

function createToy(config: Config): Sink {
  const http = createHttpClient({ timeoutMs: config.timeout, maxAnswerBytes: 1000, connections: 2 });
  const post = async (body: string, signal: AbortSignal) => {
    const answer = await send(http, "The toy", { method: "POST", url: config.url, headers: {}, body, signal });
    const kind = classifyStatus(answer.status);
    if (kind !== undefined) throw refusal(kind, \`The toy answered \${answer.status}.\`, answer);
    return { bytes: Buffer.byteLength(body) };
  };
  return {
    deliver: (envelopes, signal) => post(encodeLines(envelopes), signal),
    probe: async (signal) => void (await post("", signal)),
    close: async () => http.close(),
  };
}
`;

/** The one test. */
const TEST = `import { listen, readBody } from "../../src/simulate/listener.ts";
import { toy } from "../../src/sinks/toy.ts";
import { afterTest } from "../support/processes.ts";
import { describeSink } from "../support/sink-contract.ts";

describeSink("toy", async () => {
  const lines: string[] = [];
  let requests = 0;
  let status = 200;
  let gate: Promise<void> | undefined;
  const listener = await listen(async (request, response) => {
    const body = (await readBody(request, Number.POSITIVE_INFINITY)) ?? Buffer.alloc(0);
    const brought = body.toString().split("\\n").slice(0, -1);
    requests += brought.length > 0 ? 1 : 0;
    lines.push(...brought);
    await gate;
    response.writeHead(status).end();
  });
  afterTest(() => listener.stop());
  return {
    sink: toy.create(toy.Config.parse({ url: listener.origin })),
    received: () => lines,
    requests: () => requests,
    hold: () => {
      let release = () => {};
      gate = new Promise((go) => {
        release = go;
      });
      return release;
    },
    breakDown: () => {
      status = 503;
    },
    secrets: [],
  };
});
`;

/** The one line of the registry, in its alphabetical place, with its import. */
function withLine(registry: string): string {
  const next = SINKS.findIndex(({ type }) => type > "toy");
  const names =
    /SINKS = \[([^\]]*)\]/
      .exec(registry)?.[1]
      ?.split(",")
      .map((name) => name.trim()) ?? [];
  const list = names.filter((name) => name !== "");
  list.splice(next < 0 ? list.length : next, 0, "toy");
  return `import { toy } from "./toy.ts";\n${registry.replace(/SINKS = \[[^\]]*\]/, `SINKS = [${list.join(", ")}]`)}`;
}

/** Everything that is written by hand, with the packages that are installed here. */
async function aCopy(): Promise<string> {
  const copy = await temporaryFolder();
  for (const name of ["src", "test", "config", "docker", "docs"])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  for (const name of readdirSync(ROOT).filter((each) => /\.(json|ts|md)$/.test(each)))
    cpSync(join(ROOT, name), join(copy, name));
  // A folder of its own, so that nothing is cached in ours.
  mkdirSync(join(copy, "node_modules"));
  for (const name of readdirSync(join(ROOT, "node_modules")).filter((each) => !/^\.(?!bin$)/.test(each)))
    symlinkSync(join(ROOT, "node_modules", name), join(copy, "node_modules", name));
  return copy;
}

/** Runs a tool in the copy. @throws with what it said when it fails. */
async function run(copy: string, tool: string, ...args: readonly string[]): Promise<string> {
  const { ended, out, err } = start(
    "sh",
    ["-c", 'cd "$1" && shift && exec "$@"', "sh", copy, join(copy, "node_modules/.bin", tool), ...args],
    { VITEST: "", VITEST_POOL_ID: "", VITEST_WORKER_ID: "", NODE_ENV: "" },
  );
  const code = await ended;
  if (code !== 0) throw new Error(`${tool} ended with ${code}:\n${out()}${err()}`);
  return out();
}

describe("a new sink", () => {
  it("takes one file, one line in the registry and one test", { timeout: 180_000 }, async () => {
    const copy = await aCopy();
    const registry = join(copy, "src/sinks/index.ts");

    writeFileSync(join(copy, "src/sinks/toy.ts"), SINK);
    writeFileSync(join(copy, "test/sinks/toy.test.ts"), TEST);
    writeFileSync(registry, withLine(readFileSync(registry, "utf8")));

    await run(copy, "tsc", "--noEmit");
    await run(copy, "tsx", "src/cli/generate.ts");
    expect(readFileSync(join(copy, "config/schema.json"), "utf8")).toContain('"const": "toy"');
    expect(readFileSync(join(copy, "docs/configuration.md"), "utf8")).toContain("### `type: toy`");
    const told = await run(
      copy,
      "vitest",
      "run",
      "test/sinks/toy.test.ts",
      "test/house",
      "-t",
      "toy|registries",
    );
    expect(told).toMatch(/toy\.test\.ts/);
    expect(told).not.toMatch(/failed/);
  });
});
