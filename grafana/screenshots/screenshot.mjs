// node screenshot.mjs PROMETHEUS DASHBOARD FILE [SERVER [SECONDS [HEIGHT]]]: a picture of a dashboard with what a Prometheus has of the last
// SECONDS (300), of one SERVER (all), cut at HEIGHT. Run by tests/grafana/drawn_test.sh.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, extname } from 'node:path';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { answers } from './queries.mjs';

const [url, name, file, server = '.+', seconds = '300', height] = process.argv.slice(2);
const folder = new URL('.', import.meta.url).pathname;
const dashboard = JSON.parse(readFileSync(`${folder}../dashboards/${name}.json`, 'utf8'));
const bundle = await build({
  entryPoints: [`${folder}page.jsx`], bundle: true, write: false, outdir: folder, format: 'iife', jsx: 'automatic', logLevel: 'error',
  // Their CommonJS files: in the others, esbuild takes the default export of a CommonJS package as Node does, and components are missing.
  alias: Object.fromEntries(['data', 'ui'].map((name) => [`@grafana/${name}`, createRequire(import.meta.url).resolve(`@grafana/${name}`)])),
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' }, loader: { '.svg': 'dataurl', '.ttf': 'dataurl', '.woff': 'dataurl', '.woff2': 'dataurl' },
});
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] });
const page = await browser.newPage({ viewport: { width: 1480, height: Number(height ?? 900) }, colorScheme: 'light' });
const errors = [];
page.on('pageerror', (error) => errors.push(error.stack.slice(0, 500)));
// Of an origin of its own: the components use its storage. Nothing is fetched from elsewhere.
const files = new Map(bundle.outputFiles.map(({ path, contents }) => [`/${basename(path)}`, Buffer.from(contents)]));
files.set('/', '<!DOCTYPE html><link rel="stylesheet" href="/page.css"><style>*{box-sizing:border-box}</style><body><div id="root"></div><script src="/page.js"></script></body>');
const types = { '': 'text/html', '.css': 'text/css', '.js': 'text/javascript' };
await page.route('**/*', (route) => {
  const { pathname } = new URL(route.request().url());
  return files.has(pathname) ? route.fulfill({ body: files.get(pathname), contentType: types[extname(pathname)] }) : route.abort();
});
await page.goto('http://dashboard/');
if (errors.length > 0) throw new Error(errors.join('; '));
await page.evaluate((data) => window.draw(data), { dashboard, ...await answers(url, dashboard, server, Number(seconds)) });
const expected = dashboard.panels.filter(({ type }) => type !== 'row').length;
await page.waitForFunction((count) => document.querySelectorAll('[data-panel]').length === count, expected)
  .catch((error) => { throw new Error(`not every panel is drawn: ${errors.join('; ')}`, { cause: error }); });
await page.screenshot({ path: file, fullPage: height === undefined });
await browser.close();
if (errors.length > 0) throw new Error(errors.join('; '));
