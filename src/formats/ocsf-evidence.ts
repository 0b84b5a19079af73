import type { JsonObject } from "../model/alert.ts";
import type { Evidence, FileFound, Hashes, Mail, Process, User } from "./evidence.ts";
import { group, tame } from "./json-document.ts";

/** Where a verdict has no number of its own it is 99, and the source's word says it. */
const VERDICTS: ReadonlyMap<string | undefined, { readonly id: number; readonly caption: string }> = new Map([
  ["unknown", { id: 0, caption: "Unknown" }],
  ["suspicious", { id: 4, caption: "Suspicious" }],
  ["noThreatsFound", { id: 5, caption: "Benign" }],
]);

/** `email_t` of the schema's dictionary. */
const EMAIL = /^[a-zA-Z0-9!#$%&'*+\-/=?^_`{|}~.]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9\-.]+$/;

/** `ip_t` of the schema's dictionary is no longer. */
const LONGEST_IP = 40;

/** One piece of evidence as an element of `evidences`; undefined where there is nothing that the schema takes. */
export function ocsfEvidence(piece: Evidence): JsonObject | undefined {
  const artifact = artifactOf(piece);
  if (artifact === undefined) return undefined;
  const { verdict } = piece;
  const known = VERDICTS.get(verdict);
  return group({
    name: piece.type,
    verdict_id: verdict === undefined ? undefined : (known?.id ?? 99),
    verdict: known?.caption ?? verdict,
    ...artifact,
  });
}

/** The one member of those of which every element of `evidences` must have one. */
function artifactOf(piece: Evidence): JsonObject | undefined {
  switch (piece.kind) {
    case "device":
      return { device: group({ hostname: piece.name, uid: piece.id, type_id: 0 }) };
    case "user":
      return { user: userOf(piece) };
    case "process":
      return processOf(piece);
    case "file":
      return { file: fileOf(piece) };
    case "ip":
      return piece.address.length > LONGEST_IP ? undefined : { src_endpoint: { ip: piece.address } };
    case "url":
      return { url: { url_string: piece.url } };
    case "mail":
      return mailOf(piece);
    case "registry":
      return dataOf(group({ hive: piece.hive, key: piece.key, value: piece.value }));
    default: {
      const { "@odata.type": _, entityType: __, verdict: ___, ...members } = piece.members;
      return dataOf(tame(members));
    }
  }
}

/** What the schema has no object for stays as it is. */
function dataOf(data: unknown): JsonObject | undefined {
  return data === undefined ? undefined : { data };
}

function userOf(user: User): JsonObject | undefined {
  return group({
    name: user.account ?? user.principalName,
    domain: user.domain,
    uid: user.objectId ?? user.sid,
    email_addr: emailOf(user.principalName),
  });
}

/** A process is known by its number; one that has none is told of as data. */
function processOf(process: Process): JsonObject | undefined {
  const { name, pid, commandLine, parentPid, parentName, image, user } = process;
  if (pid === undefined) return dataOf(group({ name, cmd_line: commandLine, path: process.path }));
  return {
    process: group({
      name,
      pid,
      cmd_line: commandLine,
      file: image === undefined ? undefined : fileOf(image),
      user: user === undefined ? undefined : userOf(user),
      parent_process: parentPid === undefined ? undefined : group({ pid: parentPid, name: parentName }),
    }),
  };
}

/** The schema asks for a name, which a file that only its hash is known of does not have. */
function fileOf(file: FileFound): JsonObject | undefined {
  return group({
    name: file.name ?? file.sha256 ?? file.sha1 ?? file.md5,
    path: file.path,
    type_id: 1,
    hashes: hashesOf(file),
  });
}

function hashesOf({ md5, sha1, sha256 }: Hashes): readonly JsonObject[] {
  return [
    { algorithm_id: 1, value: md5 },
    { algorithm_id: 2, value: sha1 },
    { algorithm_id: 3, value: sha256 },
  ].filter(({ value }) => value !== undefined);
}

function mailOf({ sender, recipient, subject, messageId }: Mail): JsonObject | undefined {
  const [from, to] = [emailOf(sender), emailOf(recipient)];
  if (from === undefined && to === undefined) return dataOf(group({ sender, recipient, subject, messageId }));
  return { email: group({ from, to: to === undefined ? [] : [to], subject, message_uid: messageId }) };
}

function emailOf(text: string | undefined): string | undefined {
  return text !== undefined && EMAIL.test(text) ? text : undefined;
}
