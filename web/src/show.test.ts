import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { base_name, shorten, show } from './show.ts';

test('the same characters are made visible as by src/base/escape.cpp', () => {
  const source = readFileSync(new URL('../../src/base/escape.cpp', import.meta.url), 'utf8');
  const body = /bool is_dangerous\(char32_t c\) \{([^}]*)\}/.exec(source)?.[1] ?? '';
  const cpp = body.replace('return', '').replace(/;\s*$/, '').trim();
  expect(cpp).toContain('0x202e');
  const is_dangerous = new Function('c', `return ${cpp.replace(/;/g, '')}`) as (c: number) => boolean;
  for (let c = 0; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    const text = String.fromCodePoint(c);
    const shown = show(text);
    if (is_dangerous(c) !== (shown !== text)) expect.fail(`U+${c.toString(16)} differs`);
    if (shown !== text && shown !== `\\u{${c.toString(16)}}`) expect.fail(`U+${c.toString(16)} is shown as ${shown}`);
  }
});

test('what is escaped already is not escaped twice', () => {
  expect(show('a\\u{202e}b')).toBe('a\\u{202e}b');
  expect(show(show('a\u202eb'))).toBe('a\\u{202e}b');
});

test('half a surrogate pair is shown, not printed', () => {
  expect(show('\ud800x')).toBe('\\u{d800}x');
});

test('a program is called by the last part of its path', () => {
  expect(base_name('/usr/bin/curl')).toBe('curl');
  expect(base_name('/')).toBe('/');
  expect(base_name('')).toBe('');
  expect(base_name('/tmp/\u202egpj.exe')).toBe('\\u{202e}gpj.exe');
});

test('shortening never cuts a character in two', () => {
  expect(shorten('火の見櫓', 3)).toBe('火の…');
  expect(shorten('😀😀😀', 2)).toBe('😀…');
});
