import { describe, expect, it } from "vitest";
import { parseSources, planApt, planBrowser, type System } from "../scripts/apt.ts";

const bookworm = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n';
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const deb822 = `# Where Debian comes from.
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: ${keyring}

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`;

function system(release: string, ...sources: System["sources"]): System {
  return { release, sources };
}

/** The text that the plan writes as the new source. */
function added(...sources: System["sources"]): string | undefined {
  return planApt(system(bookworm, ...sources)).find((step) => step.input !== undefined)?.input;
}

describe("the apt sources", () => {
  it("are read from deb822 files", () => {
    expect(parseSources([["/etc/apt/sources.list.d/debian.sources", deb822]])).toEqual([
      {
        uris: ["http://mirror.example/debian"],
        suites: ["bookworm", "bookworm-updates"],
        components: ["main"],
        trust: [["Signed-By", keyring]],
      },
      {
        uris: ["http://mirror.example/debian-security"],
        suites: ["bookworm-security"],
        components: ["main"],
        trust: [],
      },
    ]);
  });

  it("are read from files with an entry a line", () => {
    const text = `# deb http://old.example/debian bookworm main
deb-src http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=${keyring} trusted=yes] http://mirror.example/debian bookworm main contrib # ours
deb http://other.example/debian bookworm-updates main
`;
    expect(parseSources([["/etc/apt/sources.list", text]])).toEqual([
      {
        uris: ["http://mirror.example/debian"],
        suites: ["bookworm"],
        components: ["main", "contrib"],
        trust: [
          ["Signed-By", keyring],
          ["Trusted", "yes"],
        ],
      },
      {
        uris: ["http://other.example/debian"],
        suites: ["bookworm-updates"],
        components: ["main"],
        trust: [],
      },
    ]);
  });

  it("leave out entries that are switched off or for source code only", () => {
    const text =
      "Types: deb\nURIs: http://a\nSuites: bookworm\nComponents: main\nEnabled: no\n \nTypes: deb-src\nURIs: http://b\n";
    expect(parseSources([["x.sources", text]])).toEqual([]);
  });
});

describe("Debian 12", () => {
  it("gets the driver from backports, of the mirror that the machine has, with its key", () => {
    const steps = planApt(system(bookworm, ["debian.sources", deb822]));
    expect(steps.map((step) => step.command.join(" "))).toEqual([
      "tee /etc/apt/sources.list.d/miras-backports.sources",
      "env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 update",
      "env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends -t bookworm-backports mesa-vulkan-drivers libvulkan1",
    ]);
    expect(steps[0]?.input).toBe(
      `Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-backports\nComponents: main\nSigned-By: ${keyring}\n`,
    );
  });

  it("keeps a key that is written out", () => {
    const key =
      "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDME\n -----END PGP PUBLIC KEY BLOCK-----";
    const text = `Types: deb\nURIs: http://a\nSuites: bookworm\nComponents: main\n${key}\n`;
    const again = added(["debian.sources", text]) ?? "";
    expect(again).toContain(key);
    expect(parseSources([["new.sources", again]])[0]?.trust).toEqual(
      parseSources([["x.sources", text]])[0]?.trust,
    );
  });

  it("takes an entry named by release status, and never a CD", () => {
    const cd = "deb cdrom:[Debian GNU/Linux 12.0.0 _Bookworm_ - Official amd64 NETINST]/ bookworm main";
    const text = `${cd}\ndeb http://mirror.example/debian oldstable main\n`;
    expect(added(["sources.list", text])).toContain("URIs: http://mirror.example/debian\n");
  });

  it("tells Debian's mirror from other vendors' suites of the same name", () => {
    const vendor = "deb [signed-by=/k.gpg] https://packages.vendor.example/debian/12/prod bookworm main\n";
    expect(added(["a.list", vendor], ["debian.sources", deb822])).toContain(
      "URIs: http://mirror.example/debian\n",
    );
    const cloud =
      "Types: deb\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: bookworm\nComponents: main\n";
    expect(added(["a.list", vendor], ["debian.sources", cloud])).toContain(
      "URIs: mirror+file:///etc/apt/mirrors/",
    );
  });

  it("adds no suite that is there", () => {
    const own = "Types: deb\nURIs: http://a\nSuites: bookworm-backports\nComponents: main\n";
    const steps = planApt(system(bookworm, ["debian.sources", deb822], ["miras-backports.sources", own]));
    expect(steps.map((step) => step.input)).toEqual([undefined, undefined]);
  });

  it("says what is missing if no mirror is known", () => {
    expect(() => planApt(system(bookworm))).toThrow(/name no mirror of Debian 12 .*run this again/);
  });
});

describe("other systems", () => {
  it.each([
    ["Debian 13", 'ID=debian\nVERSION_ID="13"\n'],
    ["Debian testing", "ID=debian\n"],
    ["Ubuntu 24.04", 'ID=ubuntu\nVERSION_ID="24.04"\n'],
    ["Ubuntu 26.04", "ID='ubuntu'\nVERSION_ID='26.04'\n"],
  ])("%s gets the driver from its main suite", (_, release) => {
    const commands = planApt(system(release)).map((step) => step.command.join(" "));
    expect(commands).toHaveLength(2);
    expect(commands[1]).toMatch(/install -y --no-install-recommends mesa-vulkan-drivers libvulkan1$/);
  });

  it.each([
    ['ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian 11"\n', /Debian 11 is not .*Debian 12 or later/],
    ['ID=ubuntu\nVERSION_ID="22.04"\n', /Ubuntu 24.04 or later/],
    ["ID=fedora\n", /sudo dnf install mesa-vulkan-drivers vulkan-loader/],
    ["ID=arch\n", /sudo pacman -S vulkan-swrast/],
    ["ID=toString\n", /Install the Vulkan loader/],
    ["", /this system is not .*Install the Vulkan loader/],
  ])("are told what to do by hand: %j", (release, message) => {
    expect(() => planApt(system(release))).toThrow(message);
  });
});

describe("a browser for the tests", () => {
  it("is Debian's chromium, and what it takes is said", () => {
    const [update, install] = planBrowser(system(bookworm));
    expect(update?.command.at(-1)).toBe("update");
    expect(install?.command.join(" ")).toMatch(/install -y --no-install-recommends chromium$/);
    expect(install?.say).toMatch(/about 100 MB/);
  });

  it.each([
    ["ID=ubuntu\n", /snap install chromium/],
    ["ID=fedora\n", /dnf install chromium/],
    ["", /Install Chromium/],
  ])("is for the user to install elsewhere: %j", (release, message) => {
    expect(() => planBrowser(system(release))).toThrow(message);
  });
});
