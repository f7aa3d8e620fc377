// Brings what pages load from npm into ../static/vendor: Be Vietnam Pro in two
// weights, cut down to the letters of Vietnamese and English, and uPlot.
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import subset from "subset-font";

const from = new URL("node_modules/", import.meta.url);
const to = new URL("../static/vendor/", import.meta.url);

const range = (first, last) => String.fromCodePoint(...Array.from({ length: last - first + 1 }, (_, i) => first + i));
const letters = {
  latin: range(0x20, 0x7e) + "\u00a0ÀÁÂÃÈÉÊÌÍÒÓÔÕÙÚÝàáâãèéêìíòóôõùúý°±·×–—‘’“”•…→−≤≥",
  vietnamese: "ĂăĐđĨĩŨũƠơƯư₫" + range(0x1ea0, 0x1ef9),
};

const ranges = text => {
  const points = [...new Set(text)].map(c => c.codePointAt(0)).sort((a, b) => a - b);
  const runs = [];
  for (const p of points) {
    const last = runs.at(-1);
    if (last && p === last[1] + 1) last[1] = p;
    else runs.push([p, p]);
  }
  const hex = p => p.toString(16).toUpperCase();
  return runs.map(([a, b]) => (a === b ? `U+${hex(a)}` : `U+${hex(a)}-${hex(b)}`)).join(",");
};

await rm(to, { recursive: true, force: true });
await mkdir(to, { recursive: true });

let sheet = "";
for (const [name, text] of Object.entries(letters)) {
  for (const weight of [400, 600]) {
    const file = `be-vietnam-pro-${name}-${weight}.woff2`;
    const whole = await readFile(new URL(`@fontsource/be-vietnam-pro/files/be-vietnam-pro-${name}-${weight}-normal.woff2`, from));
    await writeFile(new URL(file, to), await subset(whole, text, { targetFormat: "woff2", noLayoutClosure: true }));
    sheet += `@font-face{font-family:"Be Vietnam Pro";font-weight:${weight};font-display:swap;src:url(${file}) format("woff2");unicode-range:${ranges(text)}}\n`;
  }
}
await writeFile(new URL("fonts.css", to), sheet);

const copies = {
  "uplot/dist/uPlot.iife.min.js": "uplot.js",
  "uplot/dist/uPlot.min.css": "uplot.css",
  "uplot/LICENSE": "uplot-LICENSE.txt",
  "@fontsource/be-vietnam-pro/LICENSE": "be-vietnam-pro-LICENSE.txt",
};
for (const [source, target] of Object.entries(copies)) {
  await cp(new URL(source, from), new URL(target, to));
}
console.log(`fonts and uPlot are in ${fileURLToPath(to)}`);
