import type { JsonObject } from "../model/alert.ts";
import { ecsDocument } from "./ecs-document.ts";
import type { Format } from "./format.ts";
import { cutAt, dropAt, fewerAt, withMembers } from "./json-document.ts";
import { type Step, shrinkToFit } from "./shrink.ts";
import { jsonLine } from "./text.ts";

/**
 * Elastic Common Schema 8.11, with the fields and the names that Elastic's own integration `m365_defender` gives them
 * (elastic/integrations, packages/m365_defender), so that its rules and dashboards find what they look for.
 */
export const ecs = {
  name: "ecs",
  summary: "Elastic Common Schema, as Elastic's m365_defender integration names the fields.",
  render(envelope, maxBytes) {
    return shrinkToFit(ecsDocument(envelope), { steps: STEPS, write }, maxBytes);
  },
} as const satisfies Format<"ecs">;

/** Texts of any length; Elastic itself indexes no more than 1,024 characters of them. */
const TEXTS = [
  "process.command_line",
  "url.full",
  "url.original",
  "rule.name",
  "rule.id",
  "rule.category",
  "file.name",
  "file.path",
  "process.name",
  "process.executable",
  "host.name",
  "host.hostname",
  "user.name",
  "user.domain",
  "user.email",
  "email.subject",
  "organization.name",
];

/** What is given up for a limit, in this order; the event's id and its times stay. */
const STEPS: readonly Step<JsonObject>[] = [
  dropAt("event.original"),
  cutAt("m365_defender.alert.recommended_actions", 256),
  cutAt("message", 1024),
  ...TEXTS.map((path) => cutAt(path, 256)),
  ...["related.hash", "related.ip", "related.hosts", "related.user"].map((path) => fewerAt(path, 16)),
  dropAt("m365_defender.alert.recommended_actions"),
  cutAt("message", 256),
  ...[
    "related",
    "m365_defender",
    "registry",
    "email",
    "process.parent",
    "process.executable",
    "url",
    "process",
    "file",
    "threat",
    "source",
    "user",
    "cloud",
    "rule.id",
    "rule.category",
    "host",
  ].map(dropAt),
  cutAt("organization.name", 48),
  cutAt("alertferry.tenantName", 48),
  cutAt("message", 64),
  cutAt("rule.name", 64),
  ...[
    "message",
    "organization",
    "event.url",
    "event.provider",
    "event.start",
    "event.end",
    "event.duration",
    "event.created",
    "event.category",
    "event.type",
    "rule",
    "alertferry.tenantName",
    "alertferry.alertId",
    "event.id",
    "alertferry.sourceApi",
    "alertferry.tenant",
    "event.module",
    "event.dataset",
  ].map(dropAt),
  cutAt("alertferry.tenantId", 36),
];

function write(document: JsonObject, shortened: readonly string[]): string {
  return jsonLine(shortened.length === 0 ? document : withMembers(document, ["alertferry"], { shortened }));
}
