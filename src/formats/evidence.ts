import type { JsonObject } from "../model/alert.ts";

/** What every piece of evidence has. */
interface Piece {
  /** The source's own name of its type: `#microsoft.graph.security.deviceEvidence`, `Process`. */
  readonly type: string;
  /** The source's own word: `malicious`, `suspicious`, `noThreatsFound`, `unknown`. Defender for Endpoint has none. */
  readonly verdict: string | undefined;
}

interface Device extends Piece {
  readonly kind: "device";
  /** DNS name, else host name. */
  readonly name: string | undefined;
  /** Defender's id of it, 40 hex digits. */
  readonly id: string | undefined;
}

export interface User extends Piece {
  readonly kind: "user";
  readonly account: string | undefined;
  readonly domain: string | undefined;
  readonly principalName: string | undefined;
  readonly sid: string | undefined;
  /** Object id in Entra ID. */
  readonly objectId: string | undefined;
}

export interface Hashes {
  readonly sha1: string | undefined;
  readonly sha256: string | undefined;
  readonly md5: string | undefined;
}

export interface FileFound extends Piece, Hashes {
  readonly kind: "file";
  readonly name: string | undefined;
  /** With the name. */
  readonly path: string | undefined;
}

export interface Process extends Piece {
  readonly kind: "process";
  readonly name: string | undefined;
  readonly path: string | undefined;
  readonly pid: number | undefined;
  readonly commandLine: string | undefined;
  readonly parentPid: number | undefined;
  readonly parentName: string | undefined;
  readonly image: FileFound | undefined;
  readonly user: User | undefined;
}

interface Ip extends Piece {
  readonly kind: "ip";
  /** Always a valid IPv4 or IPv6 address, without zone. */
  readonly address: string;
}

interface Url extends Piece {
  readonly kind: "url";
  readonly url: string;
}

export interface Mail extends Piece {
  readonly kind: "mail";
  readonly sender: string | undefined;
  readonly recipient: string | undefined;
  readonly subject: string | undefined;
  readonly messageId: string | undefined;
}

interface Registry extends Piece {
  readonly kind: "registry";
  readonly hive: string | undefined;
  readonly key: string | undefined;
  readonly value: string | undefined;
}

/** Of a type that no field of a format is made for. */
interface Other extends Piece {
  readonly kind: "other";
  readonly members: JsonObject;
}

export type Evidence = Device | User | FileFound | Process | Ip | Url | Mail | Registry | Other;

/** All that an alert names, by kind. What is malicious comes first, then what is suspicious, then the rest. */
export interface EvidenceView {
  /** Piece by piece, in the source's order. */
  readonly evidence: readonly Evidence[];
  readonly devices: readonly Device[];
  readonly users: readonly User[];
  readonly files: readonly FileFound[];
  readonly processes: readonly Process[];
  readonly ips: readonly Ip[];
  readonly urls: readonly Url[];
  readonly mails: readonly Mail[];
}

type Kind = Evidence["kind"];
type OfKind<K extends Kind> = Extract<Evidence, { readonly kind: K }>;

/**
 * Sorts evidence by kind. The account and the image file of a process count too, after what stands for itself.
 *
 * @param embedded what else stands inside the pieces: the addresses in a mail.
 */
export function viewOf(main: readonly Evidence[], embedded: readonly Evidence[] = []): EvidenceView {
  const bySeverity = (list: readonly Evidence[]) => [...list].sort((a, b) => rank(a) - rank(b));
  const ofProcesses = main.flatMap((each) => (each.kind === "process" ? [each.image, each.user] : []));
  const within = [...ofProcesses, ...embedded].filter((each) => each !== undefined);
  const all = [...bySeverity(main), ...bySeverity(within)];
  const of = <K extends Kind>(kind: K) => all.filter((each): each is OfKind<K> => each.kind === kind);
  return {
    evidence: main,
    devices: unique(of("device"), (each) => each.id ?? each.name),
    users: mergeUsers(of("user")),
    files: unique(of("file"), (each) => `${each.path ?? each.name}\n${each.sha256 ?? each.sha1}`),
    processes: of("process"),
    ips: unique(of("ip"), (each) => each.address),
    urls: unique(of("url"), (each) => each.url),
    mails: of("mail"),
  };
}

function rank({ verdict }: Evidence): number {
  const word = verdict?.toLowerCase();
  return word === "malicious" ? 0 : word === "suspicious" ? 1 : 2;
}

/** Each once, and none that is not named at all. */
function unique<T>(list: readonly T[], keyOf: (each: T) => string | undefined): readonly T[] {
  const known = new Map<string, T>();
  for (const each of list) {
    const key = keyOf(each);
    if (key !== undefined && !known.has(key)) known.set(key, each);
  }
  return [...known.values()];
}

/** An account is often told of several times, with its SID here and its object id there. */
function mergeUsers(list: readonly User[]): readonly User[] {
  const known = new Map<string, User>();
  for (const user of list) {
    const name = user.account ?? user.principalName ?? user.sid ?? user.objectId;
    if (name === undefined) continue;
    const key = `${user.domain ?? ""}\\${name}`.toLowerCase();
    const before = known.get(key);
    known.set(key, before === undefined ? user : merged(before, user));
  }
  return [...known.values()];
}

function merged(user: User, more: User): User {
  return {
    ...user,
    principalName: user.principalName ?? more.principalName,
    sid: user.sid ?? more.sid,
    objectId: user.objectId ?? more.objectId,
  };
}
