// node tests/deploy/screenshot.mjs URL FILE [WIDTH]: a picture of the page as a reader with a light theme sees it.
// The picture in the README: deploy/demo.sh, then  node tests/deploy/screenshot.mjs http://127.0.0.1:9743/ deploy/images/status.png
import { launch } from './browser.mjs';

const [url, file, width = '1180'] = process.argv.slice(2);
const browser = await launch();
const page = await browser.newPage({ viewport: { width: Number(width), height: 760 }, colorScheme: 'light' });
await page.goto(url);
await page.screenshot({ path: file, fullPage: true });
await browser.close();
