import type { User } from "../formats/evidence.ts";
import { type AlertFactsView, LEVELS, type Level } from "../formats/facts.ts";
import { cutCharacters, oneLine } from "../formats/text.ts";
import type { Envelope, TenantName } from "../model/envelope.ts";
import { escapeHtml } from "../model/html.ts";

/** One alert of a mail. */
export interface Told {
  readonly envelope: Envelope;
  readonly facts: AlertFactsView;
}

/** What one mail says; pure text, sent by email.ts. */
export interface Letter {
  readonly tenant: TenantName;
  /** Told one by one. */
  readonly told: readonly Told[];
  /** Only counted. */
  readonly more: readonly Told[];
}

export interface Rendered {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Longer subjects are cut by mail programs, at a place of their own choice. */
const MAX_SUBJECT = 150;
const MAX_TITLE = 300;
const MAX_DESCRIPTION = 600;
/** So many devices or users are named; the portal has all. */
const MAX_NAMED = 5;

export function renderMail(letter: Letter): Rendered {
  return { subject: subjectOf(letter), text: renderText(letter), html: renderHtml(letter) };
}

/** The highest severity in it. */
export function severityOf({ told, more }: Letter): Level {
  return bySeverity([...told, ...more])[0]?.facts.severity ?? "unknown";
}

/** Highest first; equal ones stay in their order. */
export function bySeverity(alerts: readonly Told[]): readonly Told[] {
  return [...alerts].sort((a, b) => rank(b) - rank(a));
}

function rank({ facts }: Told): number {
  return LEVELS.indexOf(facts.severity);
}

/** `[High] Contoso Ltd: Suspicious download on ws-001`, `[High] Contoso Ltd: 5 alerts (2 high, 3 low)` */
function subjectOf(letter: Letter): string {
  const all = [...letter.told, ...letter.more];
  const [first] = all;
  const isOne = all.length === 1 && first !== undefined;
  const severity = severityOf(letter);
  const kind = isOne ? markOf(first) : "";
  const what = isOne ? aboutOne(first) : `${all.length} alerts (${countsOf(all)})`;
  const subject = `[${severity[0]?.toUpperCase()}${severity.slice(1)}] ${kind}${letter.tenant.name}: ${what}`;
  return cutCharacters(plain(subject), MAX_SUBJECT);
}

function aboutOne({ facts }: Told): string {
  const device = facts.devices[0]?.name;
  return `${titleOf(facts)}${device === undefined ? "" : ` on ${device}`}`;
}

function markOf({ envelope }: Told): string {
  if (envelope.replay) return "Again: ";
  return envelope.revision > 1 ? "Update: " : "";
}

function renderText(letter: Letter): string {
  const { told, more } = letter;
  const alerts = told.map((alert, index) => {
    const rows = rowsOf(alert).map(([name, value]) => `   ${`${name}:`.padEnd(13)}${value}`);
    return [`${index + 1}. ${headOf(alert)}`, ...rows].join("\n");
  });
  const rest = more.length === 0 ? [] : [`${moreWords(letter)}\n${portalOf(more)}`];
  return `${[introduction(letter), ...alerts, ...rest].join("\n\n")}\n`;
}

function renderHtml(letter: Letter): string {
  const { told, more } = letter;
  const alerts = told.map((alert, index) => {
    const rows = rowsOf(alert).map(
      ([name, value]) =>
        `<tr><td style="padding-right:1em;vertical-align:top">${name}</td><td>${linked(name, value)}</td></tr>`,
    );
    return `<h3 dir="auto">${index + 1}. ${escapeHtml(headOf(alert))}</h3><table>${rows.join("")}</table>`;
  });
  const rest =
    more.length === 0 ? "" : `<p>${escapeHtml(moreWords(letter))} ${linked("Portal", portalOf(more))}</p>`;
  return `<!doctype html><html><body><p>${escapeHtml(introduction(letter))}</p>${alerts.join("")}${rest}</body></html>`;
}

function introduction({ tenant, told, more }: Letter): string {
  const count = told.length + more.length;
  return `${plain(tenant.name)} (${tenant.id}, tenant ${tenant.tenantId}): ${count} alert${count === 1 ? "" : "s"} from Microsoft Defender.`;
}

function headOf(alert: Told): string {
  return `${alert.facts.severity.toUpperCase()}: ${markOf(alert)}${titleOf(alert.facts)}`;
}

/** What is not known has no row. */
function rowsOf({ envelope, facts }: Told): readonly (readonly [name: string, value: string])[] {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["Device", someOf(facts.devices.map(({ name, id }) => name ?? id))],
    ["User", someOf(facts.users.map(userName))],
    ["Updated", timeOf(facts.updatedMs)],
    ["Created", timeOf(facts.createdMs)],
    ["Status", facts.status],
    ["Category", facts.category],
    ["Techniques", someOf(facts.techniques)],
    ["Product", facts.product],
    ["Incident", facts.incidentId],
    ["Portal", facts.portalLink],
    [
      "Description",
      facts.description === undefined ? undefined : cutCharacters(facts.description, MAX_DESCRIPTION),
    ],
    ["Alert", facts.alertId],
    ["Event", `${envelope.eventId}, revision ${envelope.revision}, number ${envelope.seq}`],
  ];
  return rows.flatMap(([name, value]) => {
    if (value === undefined) return [];
    return [[name, name === "Portal" ? oneLine(value, "") : plain(value)] as const];
  });
}

function userName({ account, domain, principalName, sid }: User): string | undefined {
  if (principalName !== undefined) return principalName;
  if (account === undefined) return sid;
  return domain === undefined ? account : `${domain}\\${account}`;
}

function someOf(names: readonly (string | undefined)[]): string | undefined {
  const known = [...new Set(names.filter((name) => name !== undefined))];
  if (known.length === 0) return undefined;
  const rest = known.length - MAX_NAMED;
  return `${known.slice(0, MAX_NAMED).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

function moreWords({ more }: Letter): string {
  const what = `${more.length} more alert${more.length === 1 ? "" : "s"}: ${countsOf(more)}.`;
  return `${what} So many of this tenant came within an hour that these are only counted (maxPerHour); the portal shows them.`;
}

/** `2 high, 3 low` */
function countsOf(alerts: readonly Told[]): string {
  return [...LEVELS]
    .reverse()
    .map((level) => [alerts.filter(({ facts }) => facts.severity === level).length, level] as const)
    .filter(([count]) => count > 0)
    .map(([count, level]) => `${count} ${level}`)
    .join(", ");
}

/** The tenant's list of alerts, in the portal of its cloud. */
function portalOf(alerts: readonly Told[]): string {
  const [first] = alerts;
  if (first === undefined) return "";
  const { tenantId } = first.envelope.tenant;
  return `${new URL(first.facts.portalLink).origin}/alerts?tid=${encodeURIComponent(tenantId)}`;
}

function titleOf({ title }: AlertFactsView): string {
  return cutCharacters(plain(title ?? "(no title)"), MAX_TITLE);
}

/** `2026-05-04 05:36:51 UTC` */
function timeOf(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Marks that turn the direction of writing, which can show a name or an address as another one (CVE-2021-42574). */
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** What an alert says, in one line and without anything in it that a click would open. */
function plain(text: string): string {
  return oneLine(text, " ")
    .replace(DIRECTION, "")
    .replace(
      /\b(h)tt(ps?:\/\/)([^\s/]*)/gi,
      (_, h: string, rest: string, host: string) => `${h}xx${rest}${broken(host)}`,
    )
    .replace(/\bwww\.[^\s/]*/gi, broken);
}

function broken(host: string): string {
  return host.replaceAll(".", "[.]");
}

function linked(name: string, value: string): string {
  const text = escapeHtml(value);
  return name === "Portal" ? `<a href="${text}">${text}</a>` : `<span dir="auto">${text}</span>`;
}
