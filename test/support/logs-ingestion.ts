import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { JsonObject } from "../../src/model/alert.ts";
import { createAuthority, writeAuthority } from "../../src/simulate/certificates.ts";
import { startEntra } from "../../src/simulate/entra.ts";
import { createDirectory, type Directory, type Entra } from "../../src/simulate/entra-directory.ts";
import { listen, readBody } from "../../src/simulate/listener.ts";
import { createTokenMint, type TokenMint } from "../../src/simulate/tokens.ts";
import { sentinel } from "../../src/sinks/sentinel.ts";
import type { Sink } from "../../src/sinks/sink.ts";
import { afterTest, temporaryFolder } from "./processes.ts";

/** A call may hold this much, packed and unpacked; a value in it that much. learn.microsoft.com, Azure Monitor limits */
export const MAX_CALL_BYTES = 1_048_576;
export const MAX_VALUE_BYTES = 65_536;

const AUDIENCE = "https://monitor.azure.com";
const DIRECTORY = "33333333-aaaa-4bbb-8ccc-000000000009";
const CLIENT = "44444444-aaaa-4bbb-8ccc-00000000c11e";
export const SECRET = "only~the+two&of=us%know";
export const RULE = "dcr-00000000000000000000000000000abc";
export const STREAM = "Custom-DefenderAlerts_CL";

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly description?: string;
}

/** The columns that a user's table and rule have, from the template that we give him. */
export function templateColumns(): { readonly table: readonly Column[]; readonly stream: readonly Column[] } {
  const text = readFileSync(join(import.meta.dirname, "../../config/sentinel/template.json"), "utf8");
  const { resources } = JSON.parse(text) as { resources: { type: string; properties: never }[] };
  // biome-ignore lint/suspicious/noExplicitAny: the test says by its assertions what it expects of the JSON.
  const propertiesOf = (type: string): any =>
    resources.find((resource) => resource.type === type)?.properties;
  return {
    table: propertiesOf("Microsoft.OperationalInsights/workspaces/tables").schema.columns,
    stream: propertiesOf("Microsoft.Insights/dataCollectionRules").streamDeclarations[STREAM].columns,
  };
}

interface Call {
  /** With the query. */
  readonly path: string;
  /** As it came over the wire, and unpacked. */
  readonly wireBytes: number;
  readonly plainBytes: number;
  readonly rows: number;
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A Logs Ingestion endpoint over HTTPS with the sign-in host that its tokens come from. */
export interface LogsIngestion {
  readonly url: string;
  /** File with the certificate to trust. */
  readonly ca: string;
  readonly entra: Entra;
  readonly directory: Directory;
  /** Applications that have the role on the rule. */
  readonly publishers: Set<string>;
  readonly calls: readonly Call[];
  /** Rows of the table, with the columns that the rule declares and no others. */
  readonly rows: readonly JsonObject[];
  /** Names of columns that came and that the rule does not declare: it drops them without a word. */
  readonly undeclared: ReadonlySet<string>;
  /** An answer in place of the service's own; the rows are stored where `stores` says so. */
  answer: ((number: number) => (Answer & { readonly stores?: boolean }) | undefined) | undefined;
  /** Keeps back the answers until the function given back is called. */
  hold(): () => void;
  /** What `auth` takes to sign in with a certificate that the application knows. */
  certificate(): Promise<{ readonly type: string; readonly certificateFile: string }>;
  /** The real sink, configured as a user would. */
  sink(settings?: Readonly<Record<string, unknown>>, auth?: Readonly<Record<string, unknown>>): Sink;
}

interface State extends LogsIngestion {
  readonly mint: TokenMint;
  readonly calls: Call[];
  readonly rows: JsonObject[];
  readonly undeclared: Set<string>;
  readonly columns: ReadonlySet<string>;
}

/** Ends with the test. */
export async function startLogsIngestion(): Promise<LogsIngestion> {
  const authority = await createAuthority();
  const ca = await writeAuthority(authority, join(await temporaryFolder(), "ca.pem"));
  const certificate = await authority.issue({ name: "logs ingestion", usage: "server" });
  const mint = createTokenMint();
  const entra = await startEntra({ mint, certificate });
  const directory = createDirectory(DIRECTORY, [CLIENT]);
  entra.directories.set(DIRECTORY, directory);
  entra.apps.set(CLIENT, { clientId: CLIENT, secrets: [{ value: SECRET }], certificates: [], federated: [] });
  entra.audiences
    .set(AUDIENCE, "monitor")
    .set("https://monitor.azure.us", "monitor")
    .set("https://graph.microsoft.com", "graph");
  const { cert, key } = certificate;
  let gate: Promise<void> | undefined;
  const listener = await listen((request, response) => respond(state, () => gate, request, response), {
    tls: { cert, key },
  });
  afterTest(() => Promise.all([listener.stop(), entra.listener.stop()]));
  const state: State = {
    url: listener.origin,
    ca,
    entra,
    directory,
    mint,
    publishers: new Set([CLIENT]),
    columns: new Set(templateColumns().stream.map(({ name }) => name)),
    calls: [],
    rows: [],
    undeclared: new Set(),
    answer: undefined,
    hold: () => {
      let release = () => {};
      gate = new Promise((go) => {
        release = go;
      });
      return release;
    },
    certificate: async () => {
      const client = await authority.issue({ name: "alertferry", usage: "client", keyType: "rsa" });
      entra.apps.get(CLIENT)?.certificates.push(client.x509);
      const certificateFile = join(dirname(ca), "client.pem");
      await writeFile(certificateFile, `${client.cert}${client.key}`);
      return { type: "client-certificate", certificateFile };
    },
    sink: (settings = {}, auth = {}) => {
      const config = sentinel.Config.parse({
        endpoint: listener.origin,
        ruleId: RULE,
        stream: STREAM,
        auth: {
          type: "client-secret",
          tenantId: DIRECTORY,
          clientId: CLIENT,
          ...("certificateFile" in auth ? {} : { clientSecret: SECRET }),
          authority: entra.origin,
          ...auth,
        },
        tls: { ca },
        ...settings,
      });
      const sink = sentinel.create(config);
      afterTest(() => sink.close());
      return sink;
    },
  };
  return state;
}

async function respond(
  state: State,
  gate: () => Promise<void> | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = (await readBody(request, Number.POSITIVE_INFINITY)) ?? Buffer.alloc(0);
  const said = state.answer?.(state.calls.length + 1);
  const judged = await judge(state, request, body);
  const { status, headers = {}, body: text = "" } = said ?? judged;
  const rows = "rows" in judged ? judged.rows : [];
  state.calls.push({
    path: request.url ?? "",
    wireBytes: body.length,
    plainBytes: "plainBytes" in judged ? judged.plainBytes : body.length,
    rows: rows.length,
    status,
    headers: request.headers,
  });
  if (status === 204 || said?.stores === true) state.rows.push(...rows.map((row) => declared(row, state)));
  await gate();
  response.writeHead(status, { "content-type": "application/json", "x-ms-request-id": "req-1", ...headers });
  response.end(text);
}

/** The rows of an acceptable call, or the refusal, in the service's own words. */
async function judge(
  state: State,
  request: IncomingMessage,
  body: Buffer,
): Promise<
  Answer | { status: number; rows: JsonObject[]; plainBytes: number; headers?: never; body?: never }
> {
  const url = new URL(request.url ?? "", state.url);
  const token = state.mint.read(/^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "");
  if (token === undefined) return refuse(401, "InvalidAuthenticationToken", "The access token is invalid.");
  if (token.exp * 1000 < Date.now())
    return refuse(
      401,
      "ExpiredAuthenticationToken",
      "The access token expiry UTC time is earlier than current UTC time.",
    );
  if (token.aud !== AUDIENCE)
    return refuse(
      401,
      "InvalidAuthenticationTokenAudience",
      `The access token has been obtained for wrong audience or resource '${token.aud}'.`,
    );
  const [, rule, stream] = /^\/dataCollectionRules\/([^/]+)\/streams\/([^/]+)$/.exec(url.pathname) ?? [];
  if (request.method !== "POST" || rule === undefined) return refuse(404, "NotFound", "Resource not found.");
  if (url.searchParams.get("api-version") !== "2023-01-01")
    return refuse(400, "InvalidApiVersion", "The api-version is not supported.");
  if (rule !== RULE)
    return refuse(404, "NotFound", `Data collection rule with immutable Id '${rule}' not found.`);
  if (!state.publishers.has(token.appid))
    return refuse(
      403,
      "OperationFailed",
      `The authentication token provided does not have access to ingest data for the data collection rule with immutable Id '${rule}'.`,
    );
  if (stream !== STREAM)
    return refuse(400, "InvalidStream", `Stream '${stream}' was not found in the data collection rule.`);
  return await readRows(request, body);
}

async function readRows(request: IncomingMessage, body: Buffer) {
  const tooLarge = refuse(
    413,
    "ContentLengthLimitExceeded",
    "Maximum allowed content length: 1048576 bytes (1 MB).",
  );
  const encoding = request.headers["content-encoding"];
  if (body.length > MAX_CALL_BYTES) return tooLarge;
  if (encoding !== undefined && encoding !== "gzip")
    return refuse(415, "UnsupportedMediaType", "Unsupported content encoding.");
  const plain = encoding === "gzip" ? await promisify(gunzip)(body) : body;
  if (plain.length > MAX_CALL_BYTES) return tooLarge;
  const rows: unknown = JSON.parse(plain.toString("utf8"));
  if (!Array.isArray(rows)) return refuse(400, "InvalidJsonFormat", "The request body must be a JSON array.");
  return { status: 204, rows: rows as JsonObject[], plainBytes: plain.length };
}

function refuse(status: number, code: string, message: string): Answer {
  return { status, body: JSON.stringify({ error: { code, message } }) };
}

function declared(row: JsonObject, { columns, undeclared }: State): JsonObject {
  for (const name of Object.keys(row)) if (!columns.has(name)) undeclared.add(name);
  return Object.fromEntries(Object.entries(row).filter(([name]) => columns.has(name)));
}
