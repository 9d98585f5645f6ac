// What a browser needs for a page: render.mjs FILE… prints, of each, the milliseconds from its last byte until it is laid out and painted; the
// median of several loads.
import { resolve } from 'node:path';
import { launch } from '../deploy/browser.mjs';

const loads = 15;
const browser = await launch();

async function once(file) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(`file://${resolve(file)}`, { waitUntil: 'load' });
  const time = await page.evaluate(() => new Promise((done) => {
    requestAnimationFrame(() => requestAnimationFrame(() => {
      document.body.getBoundingClientRect();
      done(performance.now() - performance.getEntriesByType('navigation')[0].responseEnd);
    }));
  }));
  await page.close();
  return time;
}

for (const file of process.argv.slice(2)) {
  const times = [];
  for (let i = 0; i < loads; ++i) times.push(await once(file));
  console.log(times.sort((a, b) => a - b)[Math.floor(loads / 2)].toFixed(1));
}
await browser.close();
