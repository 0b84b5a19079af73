import { type AlertFactsView, readFacts } from "../formats/facts.ts";
import { records } from "../formats/fields.ts";
import type { Rendered } from "../formats/format.ts";
import { tame } from "../formats/json-document.ts";
import { clean, cutBytes } from "../formats/text.ts";
import { isObject } from "../model/alert.ts";
import type { Envelope } from "../model/envelope.ts";

/**
 * Azure Monitor cuts a value at 64 KB, which makes a list unreadable. learn.microsoft.com/azure/azure-monitor/
 * fundamentals/service-limits
 */
const MAX_VALUE_BYTES = 60_000;
/** Leaves a row of the largest values within a call of its own. */
const MAX_ROW_BYTES = 900_000;

type Cell = string | number | boolean | readonly unknown[] | undefined;
type Cells = Readonly<Record<string, Cell>>;

/**
 * An alert as a row of the table that `config/sentinel/template.json` describes: JSON of at most `MAX_ROW_BYTES`.
 * Total. Columns that the alert says nothing of are left out, which is the same as null to Azure Monitor.
 *
 * @param nowMs stands for the time of an alert that has none.
 */
export function encodeRow(envelope: Envelope, nowMs: number = Date.now()): Rendered {
  const cells = cellsOf(envelope, readFacts(envelope), nowMs);
  for (let limit = MAX_VALUE_BYTES; ; limit = Math.floor(limit / 2)) {
    const row = fitted(cells, limit);
    const text = JSON.stringify(row);
    if (Buffer.byteLength(text) <= MAX_ROW_BYTES)
      return { text, shortened: row["TruncatedColumns"] !== undefined };
  }
}

/** `Title`, `TenantId`, `Type` and `id` are names that a table reserves for itself. */
function cellsOf(envelope: Envelope, facts: AlertFactsView, nowMs: number): Cells {
  const { tenant } = envelope;
  const [user] = facts.users;
  return {
    TimeGenerated: timeText(facts.updatedMs ?? nowMs),
    EventId: envelope.eventId,
    AlertId: facts.alertId,
    Revision: envelope.revision,
    Seq: envelope.seq,
    SourceApi: envelope.source,
    Replay: envelope.replay,
    SourceTenant: tenant.id,
    SourceTenantId: tenant.tenantId,
    SourceTenantName: clean(tenant.name),
    ProviderAlertId: facts.providerAlertId,
    IncidentId: facts.incidentId,
    AlertTitle: facts.title,
    Description: facts.description,
    Severity: facts.severity,
    Status: facts.status,
    Classification: facts.classification,
    Determination: facts.determination,
    Category: facts.category,
    ServiceSource: facts.serviceSource,
    DetectionSource: facts.detectionSource,
    DetectorId: facts.detectorId,
    CreatedTime: timeText(facts.createdMs),
    LastUpdateTime: timeText(facts.updatedMs),
    FirstActivityTime: timeText(facts.firstActivityMs),
    LastActivityTime: timeText(facts.lastActivityMs),
    ResolvedTime: timeText(facts.resolvedMs),
    AlertWebUrl: facts.portalLink,
    AssignedTo: facts.assignedTo,
    ThreatName: facts.threatName,
    ActorName: facts.actor,
    MitreTechniques: facts.techniques,
    DeviceName: facts.devices[0]?.name,
    UserName: user?.principalName ?? user?.account ?? user?.sid ?? user?.objectId,
    IpAddresses: facts.ips.map(({ address }) => address),
    Urls: facts.urls.map(({ url }) => url),
    FileHashes: [...new Set(facts.files.flatMap(({ sha1, sha256 }) => [sha1, sha256]))].filter(isTold),
    Evidence: evidenceOf(String(envelope.raw)),
  };
}

function timeText(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

function isTold<T>(value: T | undefined): value is T {
  return value !== undefined;
}

/** Cuts each value that is larger than the limit, and names the columns in which something is missing. */
function fitted(cells: Cells, maxBytes: number): Cells {
  const row = Object.entries(cells).map(([name, cell]) => [name, cutCell(cell, maxBytes)] as const);
  const truncated = row.filter(([name, cell]) => cell !== cells[name]).map(([name]) => name);
  return { ...Object.fromEntries(row), TruncatedColumns: truncated.join(",") || undefined };
}

/** @returns the cell itself where it fits. */
function cutCell(cell: Cell, maxBytes: number): Cell {
  if (typeof cell === "string") return cutBytes(cell, maxBytes);
  if (!Array.isArray(cell)) return cell;
  let bytes = 2;
  const kept = cell.filter((entry) => {
    const size = Buffer.byteLength(JSON.stringify(entry)) + 1;
    if (bytes + size > maxBytes) return false;
    bytes += size;
    return true;
  });
  return kept.length === cell.length ? cell : kept;
}

/** The evidence as the source gave it, but for what is empty: Defender for Endpoint writes every key of every piece. */
function evidenceOf(raw: string): readonly unknown[] {
  let alert: unknown;
  try {
    alert = JSON.parse(quoteLargeNumbers(raw));
  } catch {
    return [];
  }
  return isObject(alert)
    ? records(alert["evidence"])
        .map((piece) => tame(piece))
        .filter(isTold)
    : [];
}

/** Ids are numbers beyond 2^53 at times, which a parser would change; as text they stay what they are. */
function quoteLargeNumbers(json: string): string {
  if (!/\d{16}/.test(json)) return json;
  const token = /"|-?\d[\d.eE+-]*/g;
  let quoted = "";
  let copied = 0;
  for (let found = token.exec(json); found !== null; found = token.exec(json)) {
    const [text] = found;
    if (text === '"') token.lastIndex = endOfString(json, found.index);
    else if (isLarge(text)) {
      quoted += `${json.slice(copied, found.index)}"${text}"`;
      copied = token.lastIndex;
    }
  }
  return quoted + json.slice(copied);
}

function isLarge(number: string): boolean {
  return /^-?\d{16,}$/.test(number) && !Number.isSafeInteger(Number(number));
}

/** Behind the closing quote of the string that begins at `start`. */
function endOfString(json: string, start: number): number {
  for (let quote = json.indexOf('"', start + 1); quote > 0; quote = json.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (json[quote - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return quote + 1;
  }
  return json.length;
}
