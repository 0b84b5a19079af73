import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { isObject, type JsonObject } from "../../src/model/alert.ts";
import { listen, readBody } from "../../src/simulate/listener.ts";
import { elastic } from "../../src/sinks/elastic.ts";
import type { Sink } from "../../src/sinks/sink.ts";
import { afterTest } from "./processes.ts";

export const API_KEY = "bm90LWEta2V5Om9ubHktYS10ZXN0";
export const DATA_STREAM = "logs-defender.alert-default";

interface ItemError {
  readonly status: number;
  readonly type: string;
  readonly reason: string;
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Visit {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly documents: number;
  /** Unpacked. */
  readonly bytes: number;
}

/** The bulk and privilege APIs of one data stream. Bulk API reference; error types as Elasticsearch 8 names them. */
export interface Elasticsearch {
  readonly url: string;
  readonly visits: readonly Visit[];
  /** By `_id`, oldest first. */
  readonly documents: ReadonlyMap<string, JsonObject>;
  /** Privileges of the key on the data stream. */
  readonly privileges: Set<string>;
  /** `http.max_content_length`; counts what is unpacked. */
  maxContentBytes: number;
  /** Refuses a document although nothing is wrong with it. */
  refuse: ((document: JsonObject, position: number) => ItemError | undefined) | undefined;
  /** An answer in place of Elasticsearch's own. */
  answer: ((number: number) => Answer | undefined) | undefined;
  hold(): () => void;
  /** The real sink, configured as a user would. */
  sink(settings?: Readonly<Record<string, unknown>>): Sink;
}

interface State extends Elasticsearch {
  readonly visits: Visit[];
  readonly documents: Map<string, JsonObject>;
}

/** Ends with the test. */
export async function startElastic(): Promise<Elasticsearch> {
  let gate: Promise<void> | undefined;
  const listener = await listen(async (request, response) => {
    const answer = await respond(state, request);
    await gate;
    write(response, answer);
  });
  afterTest(() => listener.stop());
  const state: State = {
    url: listener.origin,
    visits: [],
    documents: new Map(),
    privileges: new Set(["create_doc", "auto_configure"]),
    maxContentBytes: 100_000_000,
    refuse: undefined,
    answer: undefined,
    hold: () => {
      let release = () => {};
      gate = new Promise((go) => {
        release = go;
      });
      return release;
    },
    sink: (settings = {}) => {
      const sink = elastic.create(
        elastic.Config.parse({ url: listener.origin, apiKey: API_KEY, ...settings }),
      );
      afterTest(() => sink.close());
      return sink;
    },
  };
  return state;
}

function write(response: ServerResponse, { status, headers = {}, body = "" }: Answer): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(body);
}

async function respond(state: State, request: IncomingMessage): Promise<Answer> {
  const packed = (await readBody(request, Number.POSITIVE_INFINITY)) ?? Buffer.alloc(0);
  const isPacked = request.headers["content-encoding"] === "gzip";
  const body = isPacked ? await promisify(gunzip)(packed) : packed;
  const lines = body.toString("utf8").split("\n");
  const url = new URL(request.url ?? "", state.url);
  const documents = url.pathname.endsWith("/_bulk") ? (lines.length - 1) / 2 : 0;
  state.visits.push({ path: request.url ?? "", headers: request.headers, documents, bytes: body.length });
  const said = state.answer?.(state.visits.length);
  if (said !== undefined) return said;
  const key = /^ApiKey (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (key !== API_KEY) {
    return failure(401, "security_exception", "unable to authenticate with provided credentials");
  }
  if (body.length > state.maxContentBytes) return { status: 413 };
  switch (`${request.method} ${url.pathname}`) {
    case "POST /_security/user/_has_privileges":
      return hasPrivileges(state, body);
    case `POST /${DATA_STREAM}/_bulk`:
      return bulk(state, request, lines, url.searchParams.get("filter_path"));
    default:
      return failure(404, "index_not_found_exception", `no such index [${url.pathname.split("/")[1]}]`);
  }
}

function failure(status: number, type: string, reason: string): Answer {
  return { status, body: JSON.stringify({ error: { root_cause: [], type, reason }, status }) };
}

function hasPrivileges({ privileges }: State, body: Buffer): Answer {
  const { index } = JSON.parse(body.toString("utf8")) as {
    index: { names: string[]; privileges: string[] }[];
  };
  const all = index.every((asked) => asked.privileges.every((privilege) => privileges.has(privilege)));
  return { status: 200, body: JSON.stringify({ username: "alertferry", has_all_requested: all }) };
}

function bulk(state: State, request: IncomingMessage, lines: string[], filterPath: string | null): Answer {
  if (request.headers["content-type"] !== "application/x-ndjson") {
    return failure(406, "media_type_header_exception", "Content-Type header is not supported");
  }
  if (lines.pop() !== "") {
    return failure(
      400,
      "illegal_argument_exception",
      "The bulk request must be terminated by a newline [\\n]",
    );
  }
  const items: JsonObject[] = [];
  for (let at = 0; at < lines.length; at += 2)
    items.push(create(state, lines[at] ?? "", lines[at + 1] ?? "", at / 2));
  const errors = items.some((item) => isObject(item["create"]) && isObject(item["create"]["error"]));
  // Told so, it leaves out what stands in no path.
  const told = filterPath === null ? { took: 1 } : {};
  return { status: 200, body: JSON.stringify({ ...told, errors, items }) };
}

function create(state: State, action: string, text: string, position: number): JsonObject {
  const { create: head } = JSON.parse(action) as { create?: { _id?: string } };
  const id = head?._id ?? "";
  const item = (status: number, type?: string, reason?: string) => ({
    create: { status, ...(type === undefined ? {} : { error: { type, reason } }) },
  });
  if (!state.privileges.has("create_doc"))
    return item(403, "security_exception", "action is unauthorized for API key");
  if (head === undefined)
    return item(
      400,
      "illegal_argument_exception",
      "only write ops with an op_type of create are allowed in data streams",
    );
  const document: JsonObject = JSON.parse(text);
  const refused = state.refuse?.(document, position);
  if (refused !== undefined) return item(refused.status, refused.type, refused.reason);
  if (Number.isNaN(Date.parse(String(document["@timestamp"])))) {
    return item(400, "document_parsing_exception", "data stream timestamp field [@timestamp] is missing");
  }
  if (state.documents.has(id))
    return item(
      409,
      "version_conflict_engine_exception",
      `[${id}]: version conflict, document already exists`,
    );
  state.documents.set(id, document);
  return item(201);
}
