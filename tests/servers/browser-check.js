// browser-check.js CHROMIUM PLAYWRIGHT: opens a page in headless Chromium and runs a script in it.
const [chromium, playwright] = process.argv.slice(2);

async function main() {
  const browser = await require(playwright).chromium.launch({
    executablePath: chromium,
    // As root there is no sandbox; the rest keeps it from calling home.
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--no-first-run'],
  });
  try {
    const page = await browser.newPage();
    await page.setContent('<p id="word">ready</p>');
    const word = await page.textContent('#word');
    if (word !== 'ready') throw new Error('the page shows ' + word);
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
