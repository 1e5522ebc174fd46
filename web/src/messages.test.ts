import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fill, first_language } from './language.tsx';
import en from './messages/en.json';
import ja from './messages/ja.json';

const names = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '').sort();

test('both languages say the same things', () => {
  expect(Object.keys(ja)).toEqual(Object.keys(en));
  for (const [key, text] of Object.entries(en)) {
    expect(text, key).not.toBe('');
    expect(names(ja[key as keyof typeof ja]), key).toEqual(expect.arrayContaining(names(text).filter((name) => name !== 'program' || !key.startsWith('step.'))));
  }
});

test('Japanese is written in Japanese', () => {
  const foreign = new Set(['role.csirt', 'field.tags', 'call.outside', 'field.operating_system']);
  for (const [key, text] of Object.entries(ja)) if (!foreign.has(key)) expect(text, key).toMatch(/[\u3040-\u30ff\u4e00-\u9fff]/);
});

test('no message uses a word that the term table tells us to avoid', () => {
  const rows = readFileSync(new URL('../../docs/terms.md', import.meta.url), 'utf8').split('\n').filter((line) => /^\| [a-z]/.test(line));
  expect(rows.length).toBeGreaterThan(15);
  for (const row of rows) {
    const [, , good = '', avoid = ''] = row.split('|').map((cell) => cell.trim());
    const term = good.replace(/（.*$/, '');
    for (const word of avoid.split('、').filter((part) => part !== '' && part !== '–'))
      for (const [key, text] of Object.entries(ja)) expect(text.replaceAll(term, '').includes(word), `${key} uses ${word}`).toBe(false);
  }
});

test('facts are filled in, and a missing one stays visible', () => {
  expect(fill('{a} and {b}', { a: 'x' })).toBe('x and {b}');
  expect(fill('{constructor}', {})).toBe('{constructor}');
});

test('the browser decides the first language, a choice decides the next', () => {
  expect(first_language(null, ['fr', 'ja-JP', 'en'])).toBe('ja');
  expect(first_language(null, ['en-GB', 'ja'])).toBe('en');
  expect(first_language('en', ['ja'])).toBe('en');
  expect(first_language('xx', [])).toBe('en');
});
