// What a browser makes of the status page. Run by status_page_test.sh, which has the exporters and their servers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { contrasts, isADocument, launch, visitIn } from './browser.mjs';

const open = 'http://127.0.0.1:9743/';
const guarded = 'http://127.0.0.1:9744/';
const fleet = 'http://127.0.0.1:9745/';
const script = "<script>document.title='owned'</script>";
const image = '"><img src=x onerror="document.title=1">';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

const visit = (url, options) => visitIn(browser, url, options);
const rows = (page, section) => page.locator(`#${section} tbody tr`).allInnerTexts();

test('says what is so', async () => {
  const { context, page, response, troubles } = await visit(open);
  assert.equal(response.status(), 200);
  assert.match(await page.locator('.verdict').first().innerText(),
    /2 open TCP connections are neither encrypted nor allowed.*\n*.*2 from other machines.*\n*.*On 2 of 3 servers this is not known/s);
  const servers = await rows(page, 'servers');
  assert.equal(servers.length, 3);
  const of = (name) => servers.find((row) => row.startsWith(name));
  assert.match(of('db1'), /up[\s\S]*TLSv1\.3, sslmode=verify-full[\s\S]*2 unencrypted[\s\S]*1 unencrypted but allowed, \d+ TLS/);
  assert.match(of('db1'), /The server's certificate expires in 4 days/);
  assert.match(of('blind'), /up[\s\S]*not known[\s\S]*insufficient_privilege/);
  assert.match(of(image), /down[\s\S]*not known[\s\S]*Could not log in: nothing listens on that port/);

  const unencrypted = await rows(page, 'unencrypted');
  assert.equal(unencrypted.length, 3);
  const bob = unencrypted.find((row) => row.includes('bob'));
  assert.match(bob, /192\.0\.2\.1[\s\S]*remote[\s\S]*agreed[\s\S]*\ballowed[\s\S]*pg_hba\.conf:2: host all all 192\.0\.2\.0\/24 trust/);
  assert.equal(unencrypted.filter((row) => row.includes('not allowed')).length, 2);
  assert.match(await page.locator('#unencrypted > p').innerText(), /not known which connections are unencrypted on .*blind.*insufficient_privilege/);

  const certificates = await rows(page, 'certificates');
  assert.match(certificates[0], /4 days[\s\S]*served/);
  assert.ok(certificates.some((row) => /db1[\s\S]*\bverified/.test(row)), certificates.join('\n'));
  assert.ok(certificates.some((row) => /blind[\s\S]*unverified: no sslrootcert/.test(row)), certificates.join('\n'));
  assert.match((await rows(page, 'sslmode'))[0], /plaintext/);
  assert.match(await page.locator('#sslmode > p').innerText(), /the port is not reachable/);
  assert.ok((await rows(page, 'unseen')).length >= 2);
  assert.deepEqual(troubles, []);
  await context.close();
});

test('shows hostile names and obeys none', async () => {
  const { context, page, troubles } = await visit(open);
  const text = await page.locator('body').innerText();
  for (const name of [script, image, '<img src=x onerror=alert(1)>', 'back\\u{202e}wards\\x0aline']) {
    assert.ok(text.includes(name), `${name} is not shown in ${text}`);
  }
  assert.equal(await page.title(), 'pg_tls_exporter: encryption of PostgreSQL connections');
  assert.equal(await page.locator('script, img, iframe, object, form').count(), 0);
  assert.doesNotMatch(await page.content(), /\u202e/);
  // The browser itself would refuse one that got in.
  const refused = await page.evaluate(() => new Promise((resolve) => {
    document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective));
    const element = document.createElement('script');
    element.textContent = "document.title = 'owned'";
    document.body.append(element);
  }));
  assert.match(refused, /script-src/);
  assert.equal(await page.title(), 'pg_tls_exporter: encryption of PostgreSQL connections');
  assert.equal(troubles.length, 1, troubles.join('\n'));
  await context.close();
});

test('narrows to one server, by a link, and back', async () => {
  const { context, page, troubles } = await visit(open);
  await page.locator('#servers a', { hasText: '<img' }).click();
  assert.equal(new URL(page.url()).searchParams.get('server'), image);
  assert.deepEqual((await rows(page, 'servers')).length, 1);
  assert.ok((await rows(page, 'collectors')).length >= 4);
  await page.locator('nav a', { hasText: 'All servers' }).click();
  assert.equal((await rows(page, 'servers')).length, 3);
  await page.locator('a', { hasText: 'pause' }).click();
  assert.equal(await page.locator('meta[http-equiv=refresh]').count(), 0);
  await page.locator('a', { hasText: 'refresh' }).click();
  assert.equal(await page.locator('meta[http-equiv=refresh]').count(), 1);
  await page.locator('nav a', { hasText: 'Metrics' }).click();
  assert.match(await page.locator('body').innerText(), /pg_tls_up\{server="db1"\} 1/);
  assert.deepEqual(troubles, []);
  await context.close();
});

test('opens a remedy, and has it open on the server\'s own page', async () => {
  const { context, page, troubles } = await visit(open);
  const issue = page.locator('#servers li', { hasText: '2 unencrypted connections' });
  assert.doesNotMatch(await issue.innerText(), /sslmode=verify-full/);
  await issue.locator('summary').click();
  assert.match(await issue.innerText(), /can read and change[\s\S]*sslmode=verify-full/);
  await page.goto(`${open}?server=db1`);
  assert.match(await issue.innerText(), /can read and change[\s\S]*sslmode=verify-full/);
  assert.deepEqual(troubles, []);
  await context.close();
});

test('is used with the keyboard alone', async () => {
  const { context, page } = await visit(`${open}?refresh=off`);
  const links = await page.locator('a, summary').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
  assert.ok(links.includes(null), 'the remedies');
  assert.ok(links.length > 10);
  for (const expected of links) {
    await page.keyboard.press('Tab');
    const focus = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return { href: document.activeElement.getAttribute('href'), outline: style.outlineStyle, width: parseFloat(style.outlineWidth) };
    });
    assert.equal(focus.href, expected);
    assert.ok(focus.outline !== 'none' && focus.width >= 2, `the focus on ${expected} is not to be seen`);
  }
  await context.close();
});

test('is readable, light and dark', async () => {
  const grounds = new Set();
  for (const colorScheme of ['light', 'dark']) {
    const { context, page } = await visit(open, { colorScheme });
    const texts = await page.evaluate(contrasts);
    assert.ok(texts.length > 50);
    assert.deepEqual(texts.filter(({ ratio }) => ratio < 4.5), [], colorScheme);
    grounds.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    await context.close();
  }
  assert.equal(grounds.size, 2, 'the dark page is the light one');
});

test('fits a phone', async () => {
  for (const url of [open, `${open}?server=db1`]) {
    const { context, page } = await visit(url, { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
    const wide = await page.evaluate(() => ({
      page: document.documentElement.scrollWidth,
      beyond: [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > 360.5 && !e.closest('thead'))
        .map((e) => e.textContent.slice(0, 60)),
    }));
    assert.equal(wide.page, 360);
    assert.deepEqual(wide.beyond, []);
    const label = await page.locator('#servers tbody td').first().evaluate((cell) => getComputedStyle(cell, '::before').content);
    assert.equal(label, '"Server"');
    await context.close();
  }
});

test('holds a thousand servers', async () => {
  const size = (await (await fetch(fleet)).text()).length;
  assert.ok(size < 1_000_000, `the page has ${size} bytes`);
  for (const options of [{}, { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }]) {
    const { context, page, troubles } = await visit(`${fleet}?refresh=off`, options);
    assert.match(await page.locator('.verdict').first().innerText(), /On 990 of 1000 servers this is not known/);
    const first = await rows(page, 'servers');
    assert.equal(first.length, 100, 'the worst first');
    assert.ok(first.every((row) => row.includes('Could not log in')), first.find((row) => !row.includes('Could not log in')));
    assert.equal(await page.locator('[id^="server-fleet"]').count(), 1000);
    const others = page.locator('#servers .others');
    assert.match((await others.first().innerText()).slice(0, 40), /^900 more failing/);
    // One with a row, one without.
    for (const name of ['fleet 0001', 'fleet 1000']) {
      await page.goto(`${fleet}?refresh=off#server-${encodeURIComponent(name)}`);
      const target = page.locator(':target');
      assert.ok((await target.innerText()).includes(name));
      const box = await target.boundingBox();
      assert.ok(box.y > -1 && box.y < page.viewportSize().height, `${name} is at ${box.y}`);
    }
    if (options.isMobile) assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    await page.locator(':target a').click();
    assert.equal((await rows(page, 'servers')).length, 1);
    assert.deepEqual(troubles, []);
    await context.close();
  }
});

test('needs no JavaScript', async () => {
  const { context, page, response, troubles } = await visit(open, { javaScriptEnabled: false });
  assert.equal(response.status(), 200);
  assert.equal((await rows(page, 'servers')).length, 3);
  await page.locator('#servers a', { hasText: 'db1' }).click();
  assert.equal((await rows(page, 'servers')).length, 1);
  assert.deepEqual(troubles, []);
  await context.close();
});

test('stands behind the password', async () => {
  const stranger = await fetch(guarded);
  assert.equal(stranger.status, 401);
  assert.doesNotMatch(await stranger.text(), /db1|bob/);
  const wrong = await visit(guarded, { httpCredentials: { username: 'ada', password: 'open barley' } });
  assert.equal(wrong.response.status(), 401);
  await wrong.context.close();
  const { context, page, response } = await visit(guarded, { httpCredentials: { username: 'ada', password: 'open sesame' } });
  assert.equal(response.status(), 200);
  assert.equal((await rows(page, 'servers')).length, 3);
  await context.close();
});

test('says so in its headers', async () => {
  const response = await fetch(open);
  const policy = response.headers.get('content-security-policy');
  assert.match(policy, /^default-src 'none'; style-src 'sha256-[^']+'; /);
  assert.doesNotMatch(policy, /unsafe/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.equal((await fetch(`${open}?server=nobody`)).status, 404);
});

test('the report of check is read, printed and handed in', () => isADocument(browser, process.env.REPORT, async (page) => {
  assert.match(await page.locator('h1').innerText(), /PCI DSS/);
  const rows = await page.locator('section').first().locator('tbody tr').allInnerTexts();
  assert.match(rows.find((row) => row.includes('4.2.1')), /fail[\s\S]*pg_hba\.conf:\d+: host all all/);
  assert.ok(rows.some((row) => row.includes('not looked at')), rows.join('\n'));
}));
