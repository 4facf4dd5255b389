/** A page with WebGPU in a headless Chromium, and the program it runs; without one the tests are skipped, and the reason is printed. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, chromium, type Page } from "playwright-core";
import { findBrowser } from "../../scripts/browser.ts";

export const browserPath = findBrowser();
if (browserPath === undefined)
  console.warn(
    "Browser tests skipped: no Chromium or Chrome on this machine. `npm run setup` installs one on Debian; MIRAS_CHROMIUM names one elsewhere.",
  );

/** No window, its software adapter where there is no GPU, and nothing sent to anyone. */
const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--disable-background-networking",
  "--disable-quic",
  "--no-first-run",
  "--disable-component-update",
  "--disable-sync",
];

export interface Opened {
  readonly page: Page;
  /** What the page threw, and what it wrote as an error. */
  readonly errors: readonly string[];
  close(): Promise<void>;
}

/** Opens a page of these files, by path, from a server on this machine; `/` is a page that runs `/main.js`. */
export async function openPage(files: Readonly<Record<string, string>>): Promise<Opened> {
  const server = await serve({
    "/": '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/main.js"></script>',
    ...files,
  });
  const { port } = server.address() as AddressInfo;
  const opened = await openAt(`http://127.0.0.1:${port}/`);
  return {
    ...opened,
    close: async () => {
      await opened.close();
      server.close();
    },
  };
}

/** Opens an address. */
export async function openAt(address: string): Promise<Opened> {
  const browser: Browser = await chromium.launch({
    ...(browserPath ? { executablePath: browserPath } : {}),
    args: FLAGS,
  });
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await page.goto(address);
  return { page, errors, close: () => browser.close() };
}

function serve(files: Readonly<Record<string, string>>): Promise<Server> {
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    const text = files[path];
    const type = path.endsWith(".js") ? "text/javascript" : "text/html";
    response.writeHead(text === undefined ? 404 : 200, { "content-type": `${type}; charset=utf-8` });
    response.end(text ?? "");
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
