// What `npm run setup` does on Debian and Ubuntu, worked out without touching the machine: from its os-release
// and its apt sources to the commands that install a software Vulkan driver, and on Debian a browser.

export interface System {
  /** The text of /etc/os-release. */
  readonly release: string;
  /** The apt sources, a path and a text each. */
  readonly sources: readonly (readonly [path: string, text: string])[];
}

export interface Step {
  readonly say: string;
  readonly command: readonly string[];
  readonly input?: string;
  /** What takes the step back, if a later one fails. */
  readonly undo?: string;
}

/** A system for which there is no plan; the message says what to do by hand. */
export class SetupError extends Error {
  override readonly name = "SetupError";
}

const packages = ["mesa-vulkan-drivers", "libvulkan1"];
const backportsFile = "/etc/apt/sources.list.d/miras-backports.sources";

/** The steps, for root. */
export function planApt(system: System): Step[] {
  const fields = new Map(system.release.split("\n").map(releaseField));
  const id = fields.get("ID");
  const version = fields.get("VERSION_ID");
  const name = fields.get("PRETTY_NAME") ?? "this system";
  if (id === "debian" && version === "12") return fromBackports(parseSources(system.sources));
  // Debian's testing and unstable have no version, and are newer.
  const mesaIsNew =
    (id === "debian" && (version === undefined || Number(version) >= 13)) ||
    (id === "ubuntu" && Number(version) >= 24.04);
  if (!mesaIsNew) throw new SetupError(`${name} is not one that this script sets up. ${byHand(id)}`);
  return [refresh, install()];
}

/** The steps, for root, that install a browser for the tests. */
export function planBrowser({ release }: System): Step[] {
  const fields = new Map(release.split("\n").map(releaseField));
  const id = fields.get("ID");
  if (id !== "debian") throw new SetupError(browserByHand(id));
  const say = "Install Chromium for the browser test, about 100 MB to download: chromium";
  return [refresh, { say, command: [...apt, "install", "-y", "--no-install-recommends", "chromium"] }];
}

function browserByHand(id: string | undefined): string {
  switch (id) {
    case "ubuntu":
      return "Ubuntu has Chromium as a snap alone, which this script leaves to you: sudo snap install chromium";
    case "fedora":
      return "Run: sudo dnf install chromium";
    case "arch":
      return "Run: sudo pacman -S chromium";
    default:
      return "Install Chromium or Chrome.";
  }
}

function byHand(id: string | undefined): string {
  switch (id) {
    case "debian":
      return "Its Mesa is too old for Dawn: Debian 12 or later is needed.";
    case "ubuntu":
      return "Its Mesa is too old for Dawn: Ubuntu 24.04 or later is needed.";
    case "fedora":
      return "Run: sudo dnf install mesa-vulkan-drivers vulkan-loader";
    case "arch":
      return "Run: sudo pacman -S vulkan-swrast vulkan-icd-loader";
    default:
      return "Install the Vulkan loader, libvulkan.so.1, and a driver: your GPU's, or Mesa's lavapipe 24 or later.";
  }
}

/** The Mesa of Debian 12 itself lacks Vulkan features that Dawn needs; the one in backports has them. */
function fromBackports(sources: readonly Source[]): Step[] {
  const suite = "bookworm-backports";
  const steps = [refresh, install(suite)];
  if (sources.some((source) => source.suites.includes(suite))) return steps;
  const mirror = debianMirror(sources);
  if (mirror === undefined) {
    throw new SetupError(
      "The apt sources of this machine name no mirror of Debian 12 (suite bookworm, component main), so there is none to take bookworm-backports from. Add one under /etc/apt/sources.list.d, and run this again.",
    );
  }
  const uris = mirror.uris.join(" ");
  const lines = ["Types: deb", `URIs: ${uris}`, `Suites: ${suite}`, "Components: main"];
  for (const [field, value] of mirror.trust)
    lines.push(`${field}:${value.startsWith("\n") ? "" : " "}${value}`);
  const add: Step = {
    say: `Add the suite ${suite} of ${uris}, in ${backportsFile}`,
    command: ["tee", backportsFile],
    input: `${lines.join("\n")}\n`,
    undo: `rm ${backportsFile}`,
  };
  return [add, ...steps];
}

/** Other vendors have suites of the same names, so what is plainly Debian goes first. */
function debianMirror(sources: readonly Source[]): Source | undefined {
  const names = ["bookworm", "stable", "oldstable"];
  const candidates = sources.filter(
    ({ uris, suites, components }) =>
      uris.length > 0 && components.includes("main") && suites.some((suite) => names.includes(suite)),
  );
  const plainly = candidates.find(
    ({ uris, trust }) =>
      trust.some(([, value]) => value.includes("debian-archive-")) ||
      uris.some((uri) => /\/debian(\.list|\/\d{8}T\d{6}Z)?\/?$/.test(uri)),
  );
  return plainly ?? candidates[0];
}

const apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120"];

const refresh: Step = { say: "Fetch the lists of packages", command: [...apt, "update"] };

function install(suite?: string): Step {
  const target = suite === undefined ? [] : ["-t", suite];
  return {
    say: `Install Mesa's software Vulkan driver${suite === undefined ? "" : ` from ${suite}`}: ${packages.join(" ")}`,
    command: [...apt, "install", "-y", "--no-install-recommends", ...target, ...packages],
  };
}

/** One entry of the apt sources for binary packages. */
export interface Source {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** The options that make apt accept the mirror, as deb822 fields. */
  readonly trust: readonly (readonly [field: string, value: string])[];
}

const trustFields = ["Signed-By", "Trusted", "Check-Valid-Until", "Allow-Insecure"];

/** The entries in force, of deb822 files (`.sources`) and of files with an entry a line (`.list`). */
export function parseSources(files: System["sources"]): Source[] {
  return files.flatMap(([path, text]) =>
    path.endsWith(".sources")
      ? text.split(/\n(?:[ \t]*\n)+/).flatMap(parseStanza)
      : text.split("\n").flatMap(parseLine),
  );
}

function parseStanza(text: string): Source[] {
  const fields = new Map<string, string>();
  let last = "";
  for (const line of text.split("\n").filter((line) => !line.startsWith("#"))) {
    const field = /^([^\s:]+):(.*)$/.exec(line);
    if (field?.[1] !== undefined) {
      last = field[1].toLowerCase();
      fields.set(last, field[2]?.trim() ?? "");
    } else if (line.trim() !== "") {
      // A value that goes on, such as a whole key after Signed-By, is kept line by line.
      fields.set(last, `${fields.get(last) ?? ""}\n${line}`);
    }
  }
  if (!words(fields.get("types")).includes("deb") || fields.get("enabled") === "no") return [];
  return [
    entry(words(fields.get("uris")), words(fields.get("suites")), words(fields.get("components")), fields),
  ];
}

function parseLine(line: string): Source[] {
  const parts = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
  if (parts === null) return [];
  const [, options, uri = "", suite = "", components] = parts;
  const pairs = words(options).map((option): [string, string] => {
    const at = option.indexOf("=");
    return [option.slice(0, at).toLowerCase(), option.slice(at + 1).replaceAll(",", " ")];
  });
  return [entry([uri], [suite], words(components), new Map(pairs))];
}

function entry(uris: string[], suites: string[], components: string[], fields: Map<string, string>): Source {
  const trust = trustFields.flatMap((field) => {
    const value = fields.get(field.toLowerCase());
    return value === undefined ? [] : [[field, value] as const];
  });
  return { uris: uris.filter((uri) => !uri.startsWith("cdrom:")), suites, components, trust };
}

function words(text: string | undefined): string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

/** `ID=debian` or `ID="debian"`. */
function releaseField(line: string): [string, string] {
  const at = line.indexOf("=");
  return [line.slice(0, at), line.slice(at + 1).replace(/^(["'])(.*)\1$/, "$2")];
}
