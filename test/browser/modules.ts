// Playwright and axe-core are the web app's development packages; node looks for packages beside the file that names them,
// so they are named here by where they lie.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import type * as Playwright from 'playwright-core';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
export const { chromium } = require('playwright-core') as typeof Playwright;
export const axe_source: string = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
export const messages = {
  en: require('./src/messages/en.json') as Record<string, string>,
  ja: require('./src/messages/ja.json') as Record<string, string>,
};
