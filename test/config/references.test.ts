import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { replaceReferences } from "../../src/config/references.ts";
import { DEFAULTS, ENV, folderWith, load, problemsOf, SINKS, TENANT } from "./support.ts";

const REST = `${DEFAULTS}${TENANT}${SINKS}`;

function replace(text: string, env: Readonly<Record<string, string>> = {}, folder = "/nowhere") {
  return replaceReferences(text, { env, folder });
}

describe("references", () => {
  it("takes an environment variable, alone or inside a longer value", () => {
    expect(replace("${env:HOST}", { HOST: "splunk" })).toMatchObject({ text: "splunk", reference: "whole" });
    expect(replace("https://${env:HOST}:${env:PORT}", { HOST: "splunk", PORT: "8088" })).toMatchObject({
      text: "https://splunk:8088",
      reference: "part",
    });
  });

  it("uses the fallback when the variable is unset or empty", () => {
    expect(replace("${env:LEVEL:-info}").text).toBe("info");
    expect(replace("${env:LEVEL:-info}", { LEVEL: "" }).text).toBe("info");
    expect(replace("${env:LEVEL:-info}", { LEVEL: "warn" }).text).toBe("warn");
    expect(replace("${env:LEVEL:-}").text).toBe("");
  });

  it("names a variable that is not set", () => {
    expect(replace("${env:TOKEN}").problems).toEqual(["the environment variable TOKEN is not set"]);
  });

  it("takes a file's content without its last line end", () => {
    const folder = folderWith({ "secrets/token": "abc\n", "secrets/two": "a\r\n\r\n" });

    expect(replace("${file:secrets/token}", {}, folder)).toMatchObject({
      text: "abc",
      files: [join(folder, "secrets/token")],
    });
    expect(replace(`\${file:${folder}/secrets/two}`).text).toBe("a\r\n");
  });

  it("says why a file cannot be read", () => {
    const folder = folderWith({ "secrets/token": "abc" });

    expect(replace("${file:nope}", {}, folder).problems).toEqual(["the file nope does not exist"]);
    expect(replace("${file:secrets}", {}, folder).problems).toEqual([
      "the file secrets is a folder, not a file",
    ]);
  });

  it("leaves $${ as a plain ${", () => {
    expect(replace("$${env:HOME} and ${env:A}", { A: "1" }).text).toBe("${env:HOME} and 1");
  });

  it("takes what a reference stands for as it is", () => {
    expect(replace("${env:A}", { A: "${env:B}", B: "no" }).text).toBe("${env:B}");
  });

  it("explains a reference that is none, without repeating it", () => {
    for (const text of ["${HOME}", "pa${ss", "${env:}", "${vault:x}"]) {
      expect(replace(text).problems).toEqual([expect.stringContaining("must refer to ${env:NAME}")]);
    }
    expect(replace("${env:A:-${env:B}}").problems).toEqual(["a fallback cannot hold another reference"]);
  });

  it("turns a whole reference into the number or boolean that is wanted", () => {
    const text = `http: { port: "\${env:PORT}" }\n${REST}`;

    expect(load(text, {}, { ...ENV, PORT: "9090" }).config.http.port).toBe(9090);
    expect(problemsOf(text, {}, { ...ENV, PORT: "http" })).toEqual(["a.yaml:1: http.port: must be a number"]);
    expect(problemsOf(text, {}, { ...ENV, PORT: "99999" })).toEqual([
      "a.yaml:1: http.port: must be at most 65535",
    ]);
  });

  it("does not turn text in quotes into a number", () => {
    expect(problemsOf(`http: { port: "9090" }\n${REST}`)).toEqual(["a.yaml:1: http.port: must be a number"]);
  });

  it("reports a reference that leads nowhere at its line and only once", () => {
    expect(problemsOf(`log:\n  level: \${env:LEVEL}\n${REST}`)).toEqual([
      "a.yaml:2: log.level: the environment variable LEVEL is not set",
    ]);
    expect(problemsOf(`${REST}`, {}, {})).toEqual([
      "a.yaml:3: defaults.auth.clientSecret: the environment variable SECRET is not set",
    ]);
  });

  it("starts from the folder of the file that holds the reference", () => {
    const tenant = "id: contoso\ntenantId: 00000000-0000-0000-0000-000000000002\nname: ${file:name.txt}\n";

    const { config, files } = load(`tenantsDir: tenants\n${DEFAULTS}${SINKS}`, {
      "tenants/contoso.yaml": tenant,
      "tenants/name.txt": "Contoso Ltd\n",
    });

    expect(config.tenants[0]?.name).toBe("Contoso Ltd");
    expect(files.filter((file) => file.endsWith("/tenants/name.txt"))).toHaveLength(1);
  });
});
