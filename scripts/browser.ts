// Where a browser for the tests is, if this machine has one.

import { existsSync } from "node:fs";

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/snap/bin/chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

/** The program of a Chromium or Chrome: the one that MIRAS_CHROMIUM names, or one where systems install it. */
export function findBrowser(): string | undefined {
  const named = process.env.MIRAS_CHROMIUM;
  return named ? named : PLACES.find((path) => existsSync(path));
}
