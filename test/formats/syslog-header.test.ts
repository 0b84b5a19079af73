import { describe, expect, it } from "vitest";
import { FACILITIES, renderHeader, type SyslogHeader } from "../../src/formats/syslog-header.ts";

const HEADER: SyslogHeader = {
  protocol: "rfc5424",
  facility: "local4",
  severity: "high",
  timeMs: Date.UTC(2026, 4, 4, 5, 36, 51, 3),
  nowMs: Date.UTC(2026, 10, 23, 10, 0, 0),
  hostname: "forwarder.example",
  appName: "alertferry",
  messageId: "graph_alerts",
};

describe("a header of RFC 5424", () => {
  it("has three digits of a second, UTC and no structured data", () => {
    expect(renderHeader(HEADER)).toBe(
      "<163>1 2026-05-04T05:36:51.003Z forwarder.example alertferry - graph_alerts - ",
    );
  });

  it("leaves out a time that nobody knows", () => {
    expect(renderHeader({ ...HEADER, timeMs: undefined })).toMatch(/^<163>1 - forwarder\.example /);
  });

  it.each([
    ["spaces and controls", { hostname: "a b\n\u0000c" }, " abc alertferry - "],
    ["nothing that can be seen", { hostname: "žó" }, " - alertferry - "],
    ["too long a host", { hostname: "h".repeat(300) }, ` ${"h".repeat(255)} alertferry - `],
    ["too long an application", { appName: "a".repeat(60) }, ` ${"a".repeat(48)} - `],
    ["no application", { appName: undefined }, " forwarder.example - - graph_alerts - "],
    ["too long a source", { messageId: "m".repeat(40) }, ` - ${"m".repeat(32)} - `],
  ])("with %s stays one header", (_, more, part) => {
    const header = renderHeader({ ...HEADER, ...more });

    expect(header).toContain(part);
    expect(header).toMatch(/^<\d{1,3}>1 (?:[\x21-\x7e]+ ){6}$/);
  });
});

describe("a header of RFC 3164", () => {
  const BSD = { ...HEADER, protocol: "rfc3164" } as const;

  it("has a day padded with a space and a tag", () => {
    expect(renderHeader(BSD)).toBe("<163>May  4 05:36:51 forwarder.example alertferry: ");
    expect(renderHeader({ ...BSD, timeMs: Date.UTC(2026, 11, 31) })).toContain("<163>Dec 31 00:00:00 ");
  });

  it("has no tag where the alert brings its own", () => {
    expect(renderHeader({ ...BSD, appName: undefined })).toBe("<163>May  4 05:36:51 forwarder.example ");
  });

  it("tells the time of sending where the alert has none", () => {
    expect(renderHeader({ ...BSD, timeMs: undefined })).toContain("<163>Nov 23 10:00:00 ");
  });

  it("has a tag of few signs", () => {
    expect(renderHeader({ ...BSD, appName: `a:b[1] ${"c".repeat(40)}` })).toContain(
      ` ab1${"c".repeat(29)}: `,
    );
  });
});

describe("a priority", () => {
  it.each([
    ["critical", 2],
    ["high", 3],
    ["medium", 4],
    ["low", 5],
    ["informational", 6],
    ["unknown", 4],
  ] as const)("of a %s alert ends in severity %i", (severity, number) => {
    expect(renderHeader({ ...HEADER, severity })).toMatch(new RegExp(`^<${20 * 8 + number}>1 `));
  });

  it("has the facility's number in front", () => {
    expect(FACILITIES).toHaveLength(24);
    expect(renderHeader({ ...HEADER, facility: "kern" })).toMatch(/^<3>1 /);
    expect(renderHeader({ ...HEADER, facility: "local7" })).toMatch(/^<187>1 /);
  });
});
