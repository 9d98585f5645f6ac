// node tests/deploy/screenshot.mjs URL FILE [WIDTH [HEIGHT]]: a picture of the page as a reader with a light theme sees it, whole without a height.
// The README's: deploy/demo.sh, then  node tests/deploy/screenshot.mjs http://127.0.0.1:9743/ docs/images/status.png 1180 860
import { launch } from './browser.mjs';

const [url, file, width = '1180', height] = process.argv.slice(2);
const browser = await launch();
const page = await browser.newPage({ viewport: { width: Number(width), height: Number(height ?? 760) }, colorScheme: 'light' });
await page.goto(url);
await page.screenshot({ path: file, fullPage: height === undefined });
await browser.close();
