// Which language the reader reads. The browser's own first, then what they chose, remembered in this browser.

import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import en from './messages/en.json';
import ja from './messages/ja.json';
import { full_time, parse_time, short_time, utc_time, type Language } from './time.ts';

export type Key = keyof typeof en;
const catalogues: Record<Language, Record<Key, string>> = { en, ja };

export function has_message(key: string): key is Key {
  return Object.hasOwn(en, key);
}

export type Facts = Record<string, string | number>;

// {name} is replaced; what is not given stays visible as {name}, so that it is noticed.
export function fill(text: string, facts: Facts = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (Object.hasOwn(facts, name) ? String(facts[name]) : whole));
}

export function say(language: Language, key: Key, facts: Facts = {}): string {
  return fill(catalogues[language][key], facts);
}

const remembered = 'hinomi.language';

export function first_language(saved: string | null, wanted: readonly string[]): Language {
  if (saved === 'en' || saved === 'ja') return saved;
  for (const tag of wanted) {
    if (/^ja\b/i.test(tag)) return 'ja';
    if (/^en\b/i.test(tag)) return 'en';
  }
  return 'en';
}

export interface Words {
  language: Language;
  choose: (language: Language) => void;
  t: (key: Key, facts?: Facts) => string;
  number: (value: number | null | undefined) => string;
}

// Why the centre held an indicator back: "reason" or "reason: which", in the reader's words where they are known.
export function reason_text(reason: string | null | undefined, words: Words): string {
  if (!reason) return '';
  const at = reason.indexOf(': ');
  const name = at < 0 ? reason : reason.slice(0, at);
  const key = `reason.${name.replaceAll(' ', '-')}`;
  return has_message(key) ? words.t(key) + (at < 0 ? '' : ` (${reason.slice(at + 2)})`) : reason;
}

const Context = createContext<Words | null>(null);

export function read_setting(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function keep_setting(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // A browser that keeps nothing forgets the choice, and nothing else.
  }
}

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, set_language] = useState<Language>(() => first_language(read_setting(remembered), navigator.languages));
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const words = useMemo<Words>(() => ({
    language,
    choose: (chosen) => {
      keep_setting(remembered, chosen);
      set_language(chosen);
    },
    t: (key, facts) => say(language, key, facts),
    number: (value) => (value === null || value === undefined ? '–' : new Intl.NumberFormat(language).format(value)),
  }), [language]);
  return <Context value={words}>{children}</Context>;
}

export function useWords(): Words {
  const words = useContext(Context);
  if (!words) throw new Error('no LanguageProvider above');
  return words;
}

export function When({ at, full = false }: { at: string | null | undefined; full?: boolean }) {
  const { language } = useWords();
  const when = parse_time(at);
  if (!when || !at) return <>–</>;
  return (
    <time dateTime={at} title={utc_time(when)}>
      {full ? full_time(when, language) : short_time(when, language)}
    </time>
  );
}
