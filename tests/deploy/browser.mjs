// Debian's chromium, without anything that talks to elsewhere.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

// A busy machine takes longer than Playwright's 30 s.
const patience = 240_000;

export const launch = () => chromium.launch({
  timeout: patience,
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

// A page that fails the test where the browser complains, asks something, or fetches more than the page.
export async function visitIn(browser, url, options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  const troubles = [];
  page.on('console', (message) => troubles.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => troubles.push(`error: ${error}`));
  page.on('dialog', (dialog) => { troubles.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => {
    if (!request.isNavigationRequest() && !request.url().startsWith('data:')) troubles.push(`request: ${request.url()}`);
  });
  const response = await page.goto(url);
  return { context, page, response, troubles };
}

// Every text with its ground, by the formulas of WCAG 2.1 (relative luminance, contrast ratio).
export const contrasts = () => {
  const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }).reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const result = [];
  for (const element of document.body.querySelectorAll('*')) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(ground(element))];
    result.push({ text: element.textContent.slice(0, 40), ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) });
  }
  return result;
};

// Fails the test unless the page at `url` can be read on each screen and on paper, also without scripts, and leads nowhere. `look` is called
// with it on each.
export async function isADocument(browser, url, look) {
  for (const options of [{ colorScheme: 'light' }, { colorScheme: 'dark' }, { viewport: { width: 360, height: 740 }, isMobile: true },
    { javaScriptEnabled: false }]) {
    const { context, page, troubles } = await visitIn(browser, url, options);
    await look(page);
    assert.equal(await page.locator('script, img, iframe, object, form, a').count(), 0);
    if (options.javaScriptEnabled !== false) {
      assert.deepEqual((await page.evaluate(contrasts)).filter(({ ratio }) => ratio < 4.5), []);
      const width = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(width[0] <= width[1], `the page is ${width[0]} wide, the screen ${width[1]}`);
      const pdf = await page.pdf({ format: 'A4' });
      assert.ok(pdf.length > 10_000);
    }
    assert.deepEqual(troubles, []);
    await context.close();
  }
}
