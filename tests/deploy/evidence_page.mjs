// What a browser makes of the page that `report --format=html` writes. Run by report_test.sh, which has the history.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isADocument, launch } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

test('the report of a period is read, printed and handed in', () => isADocument(browser, process.env.REPORT, async (page) => {
  const text = await page.locator('body').innerText();
  assert.match(text, /not proven/);
  assert.match(text, /bob[\s\S]*192\.0\.2\.7[\s\S]*not allowed/);
  assert.match(text, /Prometheus has no samples/);
}));
