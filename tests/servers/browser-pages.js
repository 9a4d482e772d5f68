// browser-pages.js CHROMIUM PLAYWRIGHT URL FOLDER: clicks through the pages in headless Chromium, as a reader
// does, and takes pictures. Anything in the console, and any request to another host, is a failure.
const path = require('path');
const [chromium, playwright, url, folder] = process.argv.slice(2);

const problems = [];

function check(holds, words) {
  if (!holds) problems.push(words);
}

async function open(browser, options) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  page.on('console', (message) => problems.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => problems.push(`error: ${error}`));
  page.on('request', (request) => check(request.url().startsWith(url), `asked ${request.url()}`));
  page.on('requestfailed', (request) => problems.push(`failed: ${request.url()}`));
  page.on('response', (answer) => check(answer.status() < 400, `${answer.status()} ${answer.url()}`));
  return page;
}

async function picture(page, name) {
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: false });
}

// Nothing sticks out of the window to the right.
async function fits(page, name) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  check(wide <= 0, `${name}: ${wide} pixels too wide`);
}

async function read(browser) {
  const page = await open(browser, {});
  await page.goto(url + '/');
  check((await page.title()) === 'Overview · Groundswell', await page.title());
  await picture(page, 'overview');
  const topic = page.locator('.items a').first();
  const label = await topic.textContent();
  await topic.click();
  await page.waitForURL('**/topics/t*');
  check((await page.textContent('h1')) === label, `the topic's page is not about ${label}`);
  check((await page.locator('svg.bars rect, svg.bars .bar').count()) > 1, 'no bars');
  check((await page.locator('article.ticket').count()) > 1, 'no conversations');
  await picture(page, 'topic');
  await page.locator('article.ticket a[href^="/conversations/"]').first().click();
  check((await page.locator('article.message').count()) > 0, 'no messages');
  await picture(page, 'conversation');
  await page.goto(url + '/');
  await page.click('text=Read the digest');
  await page.waitForURL('**/digests/*');
  await picture(page, 'digest');
  await page.fill('.find input', 'router');
  await page.press('.find input', 'Enter');
  await page.waitForURL('**/search?q=router');
  check((await page.locator('mark').count()) > 0, 'nothing is marked');
  await picture(page, 'search');
  await page.locator('.facet a').first().click();
  check((await page.locator('article.ticket').count()) > 0, 'a facet leads to nothing');
  await page.click('nav >> text=Topics');
  await picture(page, 'topics');
  await page.click('nav >> text=Sources');
  await picture(page, 'sources');
  await page.goto(url + '/search?q=xylophone');
  check((await page.locator('article.ticket').count()) === 1, 'the hostile ticket is not found');
}

async function look(browser, name, options) {
  const page = await open(browser, options);
  for (const place of ['/', '/topics', '/digests', '/search?q=router', '/sources']) {
    await page.goto(url + place);
    await fits(page, `${name} ${place}`);
  }
  await page.goto(url + '/');
  await picture(page, name);
  await page.locator('.items a').first().click();
  await page.waitForURL('**/topics/t*');
  await fits(page, `${name} topic`);
  await picture(page, `${name}-topic`);
  await page.goto(url + '/');
  await page.click('text=Read the digest');
  await page.waitForURL('**/digests/*');
  await fits(page, `${name} digest`);
  await picture(page, `${name}-digest`);
}

async function main() {
  const browser = await require(playwright).chromium.launch({
    executablePath: chromium,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  try {
    await read(browser);
    await look(browser, 'narrow', { viewport: { width: 390, height: 844 } });
    await look(browser, 'dark', { colorScheme: 'dark' });
  } finally {
    await browser.close();
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
  console.log('all well');
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
