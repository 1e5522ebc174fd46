// Drives the console's pages in Debian's Chromium against a running centre, as its readers do: in both languages, on a
// laptop and on a phone, by mouse and by keyboard alone. test/browser/run starts the centre and calls this.
//
//   HINOMI_LINK=LOGIN_LINK node walk.ts --address URL [--ca FILE] [--demo COMMAND] [--screenshots FOLDER]
//
//   HINOMI_LINK  the login link, not in the arguments: the sensor would see it there, and everybody who may read events
//   --ca    the centre's CA certificate: the server's certificate is checked against it, and Chromium is told that one key
//   HINOMI_MARK  a word in the arguments of a program that was started with hostile arguments; its event must be there
//   --demo  a command that causes findings, and prints the titles of the rules that should hold
import { spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { parseArgs } from 'node:util';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { axe_source, chromium, messages } from './modules.ts';

const { values: options } = parseArgs({
  options: { address: { type: 'string' }, ca: { type: 'string' }, demo: { type: 'string' }, screenshots: { type: 'string' } },
});
const address = (options.address ?? '').replace(/\/$/, '');
const link = process.env['HINOMI_LINK'] ?? '';
const mark = process.env['HINOMI_MARK'] ?? '';
if (address === '' || link === '') {
  console.error('error: --address and HINOMI_LINK are needed');
  process.exit(2);
}

type Language = 'en' | 'ja';
const sizes = { laptop: { width: 1366, height: 768 }, phone: { width: 390, height: 844 } } as const;
type Size = keyof typeof sizes;

let passed = 0;
let failed = 0;
let skipped = 0;

class Skip extends Error {}

async function test(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
    ++passed;
    console.log(`ok      ${name}`);
  } catch (error) {
    if (error instanceof Skip) {
      ++skipped;
      console.log(`skipped: ${name}: ${error.message}`);
      return;
    }
    ++failed;
    console.log(`FAILED  ${name}\n        ${error instanceof Error ? error.message.split('\n').slice(0, 12).join('\n        ') : String(error)}`);
  }
}

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

function run(command: string): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (part) => (output += String(part)));
    child.stderr.on('data', (part) => (output += String(part)));
    child.on('close', (status) => resolve({ status, output }));
  });
}

const text = (language: Language, key: string): string => {
  const found = messages[language][key];
  must(found !== undefined, `no message ${key}`);
  return found;
};

// The key of the server's certificate, after that certificate has been checked against the centre's own CA.
async function server_key(ca: string): Promise<string> {
  const url = new URL(address);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), ca: readFileSync(ca), servername: url.hostname === '127.0.0.1' ? 'localhost' : url.hostname }, () => {
      const certificate = socket.getPeerX509Certificate() as X509Certificate;
      socket.end();
      resolve(createHash('sha256').update(certificate.publicKey.export({ type: 'spki', format: 'der' })).digest('base64'));
    });
    socket.on('error', reject);
  });
}

// What a page must never do: report an error, break the policy, or ask anybody but the centre.
const complaints: string[] = [];
let expect_refusal = false;

async function open(browser: Browser, language: Language, size: Size, scheme: 'light' | 'dark', state?: Awaited<ReturnType<BrowserContext['storageState']>>): Promise<BrowserContext> {
  const context = await browser.newContext({
    viewport: sizes[size], locale: language === 'ja' ? 'ja-JP' : 'en-GB', timezoneId: 'Asia/Tokyo', colorScheme: scheme, reducedMotion: 'reduce',
    hasTouch: size === 'phone', ...(state ? { storageState: state } : {}),
  });
  context.setDefaultTimeout(15_000);
  await context.grantPermissions([]);
  context.on('request', (request) => {
    if (!request.url().startsWith(`${address}/`) && !request.url().startsWith('data:') && !request.url().startsWith('blob:')) complaints.push(`asked ${request.url()}`);
  });
  context.on('page', (page) => {
    page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' && !(expect_refusal && /status of 40[13]/.test(message.text()))) complaints.push(`${page.url()}: ${message.text()}`);
    });
  });
  return context;
}

function no_complaints(): void {
  const found = complaints.splice(0);
  must(found.length === 0, found.join('\n'));
}

interface AxeResult { id: string; help: string; nodes: { html: string; any: { message: string }[]; all: { message: string }[] }[] }

async function axe(page: Page, what: string): Promise<void> {
  const violations = await page.evaluate(async (source) => {
    const scope = globalThis as unknown as { axe?: { run(root: Document, options: object): Promise<{ violations: unknown[] }> } };
    if (!scope.axe) (0, eval)(source);
    return (await scope.axe?.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))?.violations;
  }, axe_source) as AxeResult[] | undefined;
  must(violations !== undefined, 'axe did not run');
  must(violations.length === 0, violations.map((one) => `${what}: ${one.id}: ${one.help}: ${one.nodes.slice(0, 2).map((node) => `${node.html.slice(0, 120)} (${[...node.any, ...node.all][0]?.message ?? ''})`).join(' | ')}`).join('\n'));
}

async function fits(page: Page, what: string): Promise<void> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  must(over <= 0, `${what}: ${over} px wider than the screen`);
}

async function no_hostile_text(page: Page, what: string): Promise<void> {
  const found = await page.evaluate(() => {
    const bad = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/;
    const match = bad.exec(document.body.innerText);
    return match ? `U+${match[0].codePointAt(0)?.toString(16)}` : document.querySelector('main script, main iframe, main object, main [onerror], main img') ? 'an element that nobody made' : '';
  });
  must(found === '', `${what}: ${found} reached the page`);
}

async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor();
  await page.waitForFunction((waiting) => !Array.from(document.querySelectorAll('.note')).some((note) => waiting.includes(note.textContent ?? '')), [messages.en['note.waiting'] ?? '', messages.ja['note.waiting'] ?? '']);
}

async function first_id(page: Page, path: string, name: string, parameters = ''): Promise<string> {
  const answer = await page.evaluate(async ([where]) => (await fetch(where as string)).json() as Promise<unknown>, [`/api/v1${path}?limit=50${parameters}`]);
  const list = (answer as Record<string, { id: string }[]>)[name] ?? [];
  must(list.length > 0, `the centre has no ${name}`);
  return (list[0] as { id: string }).id;
}

const arguments_of_chromium = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
if (options.ca) arguments_of_chromium.push(`--ignore-certificate-errors-spki-list=${await server_key(options.ca)}`);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: arguments_of_chromium });

try {
  // ---- logging in
  const first = await open(browser, 'en', 'laptop', 'light');
  const page = await first.newPage();

  await test('a page that nobody has logged in to shows the login, and the API refuses', async () => {
    expect_refusal = true;
    await page.goto(`${address}/findings`);
    await page.getByLabel(text('en', 'login.link')).waitFor();
    const status = await page.evaluate(async () => (await fetch('/api/v1/findings')).status);
    must(status === 401, `the API answered ${status}`);
    await axe(page, 'login');
    no_complaints();
    expect_refusal = false;
  });

  await test('a login link that is none is refused in plain words', async () => {
    expect_refusal = true;
    await page.goto(`${address}/login#not-a-token`);
    await page.getByText(text('en', 'login.refused')).waitFor();
    must(!page.url().includes('#'), 'the token stayed in the address');
    no_complaints();
    expect_refusal = false;
  });

  await test('the printed login link logs in and leaves no token in the address or the history', async () => {
    await page.goto('about:blank');
    await page.goto(link);
    await page.waitForURL('**/live');
    await page.getByRole('heading', { level: 1, name: text('en', 'page.live') }).waitFor();
    must(!(await page.evaluate(() => JSON.stringify([location.href, document.referrer]))).includes('#'), 'the token stayed');
    no_complaints();
  });

  const state = await first.storageState();
  await test('the session cookie is not for scripts, and goes over TLS to this centre alone', async () => {
    if (!address.startsWith('https:')) throw new Skip('the centre is asked without TLS');
    const cookie = state.cookies.find((one) => one.name.startsWith('__Host-'));
    must(cookie !== undefined, 'there is no __Host- cookie');
    must(cookie.httpOnly && cookie.secure && cookie.sameSite === 'Strict', `cookie: ${JSON.stringify({ ...cookie, value: '' })}`);
  });

  await test('the login link works once', async () => {
    expect_refusal = true;
    const other = await open(browser, 'en', 'laptop', 'light');
    const again = await other.newPage();
    await again.goto(link);
    await again.getByText(text('en', 'login.refused')).waitFor();
    await other.close();
    no_complaints();
    expect_refusal = false;
  });

  await test('the findings that the demonstration promises come into the open page by themselves', async () => {
    if (!options.demo) throw new Skip('no demonstration was asked for');
    await page.goto(`${address}/findings`);
    await settled(page);
    const { status, output } = await run(options.demo);
    must(status === 0, `it ended with ${status}: ${output.slice(-400)}`);
    const promised = ((await page.evaluate(async () => (await (await fetch('/api/v1/rules')).json()) as unknown)) as { rules?: { title: string | null }[] }).rules ?? [];
    const titles = promised.map((rule) => rule.title ?? '').filter((title) => title !== '' && output.includes(title));
    await page.locator('.findings > li').first().waitFor({ timeout: 5000 });
    for (const title of titles) await page.locator('.findings > li').filter({ hasText: title }).first().waitFor({ timeout: 5000 });
    const seconds = [...output.matchAll(/\((\d+(?:\.\d+)?) s\)/g)].map((match) => Number(match[1]));
    must(titles.length >= 3, `it promised only ${titles.join(', ')}`);
    console.log(`        it promised ${titles.length} rules, the slowest came after ${Math.max(...seconds)} s; ${await page.locator('.findings > li').count()} findings are shown`);
    no_complaints();
  });

  // ---- what the walk is about
  const finding = await first_id(page, '/findings', 'findings', '&level=high').catch(async () => first_id(page, '/findings', 'findings'));
  const indicator = await first_id(page, '/indicators', 'indicators');
  const walk: [string, string][] = [['live', '/live'], ['findings', '/findings'], ['finding', `/findings/${finding}`], ['hosts', '/hosts'], ['indicators', '/indicators'], ['indicator', `/indicators/${indicator}`]];

  for (const language of ['en', 'ja'] as const)
    for (const size of ['laptop', 'phone'] as const)
      await test(`every page is clear in ${language} on a ${size}: axe finds nothing, nothing overflows, nothing comes from elsewhere`, async () => {
        for (const scheme of ['light', 'dark'] as const) {
          const context = await open(browser, language, size, scheme, state);
          const tab = await context.newPage();
          const problems: string[] = [];
          for (const [name, path] of walk) {
            await tab.goto(address + path);
            await settled(tab);
            if (name === 'live') await tab.locator('.chart canvas').waitFor();
            if (name === 'finding') for (const details of await tab.locator('summary').all()) await details.click();
            must((await tab.evaluate(() => document.documentElement.lang)) === language, `${name}: wrong language`);
            for (const check of [axe, fits, no_hostile_text]) await check(tab, `${name}, ${scheme}`).catch((error: Error) => problems.push(error.message));
            if (size === 'phone' && scheme === 'light') {
              // WCAG 1.4.10: at 320 pixels (a laptop's page at 400 %) nothing needs sideways scrolling.
              await tab.setViewportSize({ width: 320, height: 640 });
              await fits(tab, `${name} at 320 px`).catch((error: Error) => problems.push(error.message));
              await tab.setViewportSize(sizes[size]);
            }
          }
          await context.close();
          must(problems.length === 0, problems.join('\n'));
        }
        no_complaints();
      });

  await test('the language follows the browser, is switched by hand, and is remembered', async () => {
    const context = await open(browser, 'ja', 'laptop', 'light', state);
    const tab = await context.newPage();
    await tab.goto(`${address}/hosts`);
    await tab.getByRole('heading', { level: 1, name: text('ja', 'page.hosts') }).waitFor();
    must(/JST/.test(await tab.locator('main time').first().innerText()), 'times for readers of Japanese name JST');
    must(/UTC$/.test((await tab.locator('main time').first().getAttribute('title')) ?? ''), 'UTC is not at hand');
    await tab.getByRole('button', { name: 'English' }).click();
    await tab.getByRole('heading', { level: 1, name: text('en', 'page.hosts') }).waitFor();
    await tab.reload();
    await tab.getByRole('heading', { level: 1, name: text('en', 'page.hosts') }).waitFor();
    await context.close();
    no_complaints();
  });

  // ---- live
  await test('events arrive by themselves, and pausing holds them', async () => {
    await page.goto(`${address}/live`);
    await page.locator('.events > li').first().waitFor();
    const top = (): Promise<string> => page.locator('.events > li').first().innerText();
    const before = await top();
    await page.waitForFunction((old) => (document.querySelector('.events > li') as HTMLElement | null)?.innerText !== old, before, { timeout: 20_000 });
    await page.getByRole('button', { name: text('en', 'live.pause') }).click();
    await page.getByText(text('en', 'live.paused'), { exact: true }).waitFor();
    await page.waitForTimeout(300);
    const held = await page.locator('.events').innerText();
    await page.waitForTimeout(2500);
    must((await page.locator('.events').innerText()) === held, 'the list moved while it was paused');
    await page.getByRole('button', { name: text('en', 'live.resume') }).click();
    await page.getByText(text('en', 'live.running')).waitFor();
    no_complaints();
  });

  await test('hostile arguments are shown, and do nothing', async () => {
    if (mark === '') throw new Skip('no program was started with hostile arguments');
    await page.goto(`${address}/live`);
    await page.getByLabel(text('en', 'filter.text')).fill(mark);
    const row = page.locator('.events > li').filter({ hasText: mark }).first();
    await row.waitFor();
    await row.getByRole('button').first().click();
    const shown = await row.innerText();
    for (const visible of ['\\u{202e}', '\\u{1b}', '<img src=x onerror='])
      must(shown.includes(visible), `${visible} is not shown in: ${shown.slice(0, 300)}`);
    must(!shown.includes('\\\\u{'), 'escaped twice');
    await no_hostile_text(page, 'live');
    no_complaints();
  });

  // ---- a finding
  await test('a finding opens with three to nine plain steps, each with a picture, and says what to do and whom to call', async () => {
    await page.goto(`${address}/findings`);
    await page.locator(`.findings a[href="/findings/${finding}"]`).click();
    await page.getByRole('heading', { name: text('en', 'finding.what_happened') }).waitFor();
    const steps = page.locator('.steps > li');
    const count = await steps.count();
    must(count >= 3 && count <= 9, `${count} steps`);
    must((await page.locator('.steps > li > svg').count()) === count, 'a step has no picture');
    for (const step of await steps.all()) must(!/\{\w+\}/.test(await step.innerText()), `a fact is missing: ${await step.innerText()}`);
    for (const key of ['finding.next', 'call.title', 'field.command_line', 'tree.title', 'evidence.title']) await page.getByRole('heading', { name: text('en', key), exact: true }).first().waitFor();
    must((await page.locator('.graph .box').count()) >= 1, 'no process is drawn');
    must((await page.locator('.graph .box-subject').count()) === 1, 'the process that it is about is not marked');
    await page.getByText(text('en', 'tree.as_list')).click();
    const all = await page.locator('.as-list li').count();
    if ((await page.locator('.graph .box').count()) < all) {
      // The eldest ancestors stand behind one box, which opens.
      await page.locator('.graph .box').first().focus();
      await page.keyboard.press('Enter');
    }
    must((await page.locator('.graph .box').count()) === all, 'list and graph differ');
    no_complaints();
  });

  const verify_all_good = async (tab: Page): Promise<void> => {
    const result = tab.locator('.result').first();
    await result.waitFor();
    const wrong = await result.locator('li[data-verdict="bad"]').allInnerTexts();
    must((await result.getAttribute('data-verdict')) === 'good', `not good: ${wrong.join(' / ')}`);
    for (const name of ['position', 'leaf', 'content', 'checkpoint', 'inclusion', 'signature'])
      must((await result.locator(`li[data-check="${name}"]`).getAttribute('data-verdict')) === 'good', `${name} was not checked`);
  };

  await test('the browser verifies the evidence by itself, and again under the key that it remembers', async () => {
    await page.goto(`${address}/findings/${finding}`);
    await page.getByRole('button', { name: text('en', 'evidence.verify') }).first().click();
    await verify_all_good(page);
    await page.getByRole('button', { name: text('en', 'evidence.verify') }).first().click();
    await page.locator('li[data-check="same_key"][data-verdict="good"]').waitFor();
    no_complaints();
  });

  await test('one changed bit fails, in words and not in colour alone', async () => {
    await page.getByRole('button', { name: text('en', 'evidence.alter') }).first().click();
    await page.locator('.result[data-verdict="bad"]').waitFor();
    await page.getByText(text('en', 'evidence.result_bad')).waitFor();
    must((await page.locator('li[data-check="inclusion"]').getAttribute('data-verdict')) === 'bad', 'the inclusion held');
    await axe(page, 'failed verification');
  });

  for (const [what, kind, check] of [
    ['another root under the old signature', 'root', 'signature'],
    ['another place in the tree', 'path', 'inclusion'],
    ['another time than the entry says', 'time', 'content'],
  ] as const)
    await test(`a centre that answers with ${what} is found out`, async () => {
      const context = await open(browser, 'en', 'laptop', 'light', state);
      const tab = await context.newPage();
      await tab.addInitScript((lie) => {
        const honest = window.fetch.bind(window);
        window.fetch = async (input, init) => {
          const answer = await honest(input, init);
          if (!/\/logs\/[^/]+\/entries\//.test(String(input))) return answer;
          const proof = (await answer.json()) as { checkpoint: string; path: string[]; entry: { received: string } };
          if (lie === 'root') proof.checkpoint = proof.checkpoint.replace(/^(.*\n.*\n)(.)/, (_, head: string, letter: string) => head + (letter === 'A' ? 'B' : 'A'));
          if (lie === 'path') proof.path = [...proof.path, `${'A'.repeat(43)}=`];
          if (lie === 'time') proof.entry.received = '2020-01-01T00:00:00.000000000Z';
          return new Response(JSON.stringify(proof), { status: answer.status, headers: { 'content-type': 'application/json' } });
        };
      }, kind);
      await tab.goto(`${address}/findings/${finding}`);
      await tab.getByRole('button', { name: text('en', 'evidence.verify') }).first().click();
      await tab.locator('.result[data-verdict="bad"]').waitFor();
      must((await tab.locator(`li[data-check="${check}"]`).getAttribute('data-verdict')) === 'bad', `${check} held`);
      await context.close();
      no_complaints();
    });

  // ---- by keyboard alone
  const press_until = async (tab: Page, wanted: Locator, most = 80): Promise<void> => {
    for (let count = 0; count < most; ++count) {
      if (await wanted.evaluate((element) => element === document.activeElement).catch(() => false)) {
        const seen = await wanted.evaluate((element) => {
          const style = getComputedStyle(element);
          const box = element.querySelector('rect');
          return (style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) >= 2) || (box !== null && Number.parseFloat(getComputedStyle(box).strokeWidth) >= 3);
        });
        must(seen, 'the focus cannot be seen');
        return;
      }
      await tab.keyboard.press('Tab');
    }
    throw new Error(`Tab never reached ${wanted}`);
  };

  await test('everything can be reached and done by keyboard, and the focus can be seen', async () => {
    await page.goto(`${address}/live`);
    await page.locator('.events > li').first().waitFor();
    await page.keyboard.press('Tab');
    await press_until(page, page.locator('.skip'), 1);
    await press_until(page, page.locator('.rail nav a[href="/findings"]'));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: text('en', 'page.findings') }).waitFor();
    await page.locator(`.findings a[href="/findings/${finding}"]`).waitFor();
    must(await page.evaluate(() => document.activeElement?.tagName === 'H1'), 'a new page does not begin at its heading');
    await press_until(page, page.locator(`.findings a[href="/findings/${finding}"]`), 200);
    await page.keyboard.press('Enter');
    await page.locator('.graph').waitFor();
    const chosen = page.locator('.graph .box[tabindex="0"]');
    await press_until(page, chosen);
    const before = await page.locator('.chosen').innerText();
    const boxes = await page.locator('.graph .box').count();
    if (boxes > 1) {
      await page.keyboard.press('Home');
      const at_first = await page.locator('.chosen').innerText();
      await page.keyboard.press('End');
      must((await page.locator('.chosen').innerText()) !== at_first, 'the arrow keys choose nothing');
    }
    must(before !== '', 'nothing was chosen');
    await press_until(page, page.getByRole('button', { name: text('en', 'evidence.verify') }).first());
    await page.keyboard.press('Enter');
    await verify_all_good(page);
    no_complaints();
  });

  // ---- publishing
  await test('an indicator says where it came from, and is published only after it was confirmed', async () => {
    const candidate = await first_id(page, '/indicators', 'indicators', '&state=candidate');
    await page.goto(`${address}/indicators?state=candidate`);
    await page.locator(`.indicators a[href="/indicators/${candidate}"]`).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: text('en', 'indicator.origin') }).waitFor();
    must((await page.locator('.origin a[href^="/findings/"]').count()) >= 1, 'it names no finding');
    await page.getByRole('button', { name: text('en', 'publish.open') }).focus();
    await page.keyboard.press('Enter');
    await page.locator('dialog[open]').waitFor();
    await axe(page, 'publishing');
    await page.keyboard.press('Escape');
    must((await page.locator('dialog[open]').count()) === 0, 'Escape does not close');
    must((await page.locator('.state-published').count()) === 0, 'it was published without a confirmation');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: text('en', 'publish.confirm'), exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.locator('.finding-head .state-published').waitFor();
    must((await page.getByRole('button', { name: text('en', 'publish.open') }).count()) === 0, 'it can be published twice');
    await page.getByRole('heading', { name: text('en', 'indicator.act') }).waitFor();
    no_complaints();
  });

  await test('the act that published it stands in a log, and verifies', async () => {
    const act = page.locator('section[aria-labelledby="act-title"]');
    await act.getByRole('button', { name: text('en', 'evidence.verify') }).click();
    await act.locator('.result').waitFor();
    must((await act.locator('.result').getAttribute('data-verdict')) === 'good', (await act.locator('.result').innerText()).slice(0, 400));
    no_complaints();
  });

  // ---- pictures for the documents
  if (options.screenshots) {
    mkdirSync(options.screenshots, { recursive: true });
    for (const language of ['en', 'ja'] as const) {
      const context = await open(browser, language, 'laptop', 'light', state);
      const tab = await context.newPage();
      for (const [name, path] of [['live', '/live'], ['findings', '/findings'], ['finding', `/findings/${finding}`], ['hosts', '/hosts'], ['indicators', '/indicators']] as const) {
        await tab.goto(address + path);
        await settled(tab);
        // What else this machine does is nobody's business.
        if (name === 'live') await tab.getByLabel(text(language, 'filter.text')).fill('/srv/staff');
        await tab.waitForTimeout(name === 'live' ? 15_000 : 700);
        await tab.screenshot({ path: `${options.screenshots}/${name}-${language}.png` });
      }
      await context.close();
    }
    const context = await open(browser, 'ja', 'phone', 'dark', state);
    const tab = await context.newPage();
    await tab.goto(`${address}/findings/${finding}`);
    await settled(tab);
    await tab.screenshot({ path: `${options.screenshots}/phone-ja.png` });
    await context.close();
  }

  await test('logging out ends the session', async () => {
    expect_refusal = true;
    await page.getByRole('button', { name: text('en', 'nav.logout') }).click();
    await page.getByLabel(text('en', 'login.link')).waitFor();
    const status = await page.evaluate(async () => (await fetch('/api/v1/findings')).status);
    must(status === 401, `the API still answers ${status}`);
    no_complaints();
  });
} catch (error) {
  ++failed;
  console.log(`FAILED  the walk ended early\n        ${error instanceof Error ? error.message : String(error)}`);
} finally {
  await browser.close();
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed === 0 ? 0 : 1);
