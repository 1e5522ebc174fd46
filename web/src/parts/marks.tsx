// Small marks that stand for a level, a state or a kind; each says in words what it shows, so colour is never alone.

import type { Indicator, Level } from '../api.ts';
import { useWords, type Key, has_message } from '../language.tsx';

const ranks: Record<Level, number> = { informational: 1, low: 2, medium: 3, high: 4, critical: 5 };

export function LevelMark({ level }: { level: Level }) {
  const { t } = useWords();
  const rank = ranks[level] ?? 1;
  return (
    <span className={`level level-${level}`}>
      <svg viewBox="0 0 27 16" width="27" height="16" aria-hidden="true">
        {[1, 2, 3, 4, 5].map((bar) => (
          <rect key={bar} className={bar <= rank ? 'on' : 'off'} x={(bar - 1) * 5.5 + 0.5} y={14 - bar * 2.5} width="4" height={bar * 2.5 + 1.5} rx="1" />
        ))}
      </svg>
      {t(`level.${level}`)}
    </span>
  );
}

const state_paths: Record<Indicator['state'], string> = {
  candidate: 'M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11Zm0 3V8l2 1.6',
  held: 'M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11ZM6.3 5.8v4.4M9.7 5.8v4.4',
  published: 'M3 6.5v3h2.2L10 12.5v-9L5.200 6.500ZM12 6c.9 1.200.9 2.800 0 4',
};

export function StateMark({ state }: { state: Indicator['state'] }) {
  const { t } = useWords();
  return (
    <span className={`state state-${state}`}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d={state_paths[state] ?? ''} /></svg>
      {t(`state.${state}`)}
    </span>
  );
}

const kind_paths: Record<string, string> = {
  process_start: 'M5 3.5 12 8l-7 4.500Z',
  process_fork: 'M4 3v3c0 2 4 2 4 4v3M12 3v3c0 2-4 2-4 4',
  process_exit: 'M4 4h8v8H4Z',
  process_digest: 'M6 2.500 4.500 13.500M11.500 2.500 10 13.500M2.500 6h11M2.500 10h11',
  network_connect: 'M2.500 8h10M9 4.500 12.500 8 9 11.500',
  network_accept: 'M13.500 8h-10M7 4.500 3.500 8 7 11.500',
  loss: 'M8 2.500 14 13H2ZM8 6.500v3M8 11.200v.1',
  sensor_start: 'M8 2.500v5M4.500 4.500a5 5 0 1 0 7 0',
  sensor_stop: 'M8 2.500v5M4.500 4.500a5 5 0 1 0 7 0',
};

export function KindMark({ kind }: { kind: string }) {
  const { t } = useWords();
  const key = `kind.${kind}`;
  return (
    <span className="kind">
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d={kind_paths[kind] ?? 'M8 8h.1'} /></svg>
      {has_message(key) ? t(key) : kind}
    </span>
  );
}

export type PageName = 'live' | 'findings' | 'hosts' | 'indicators';

const page_paths: Record<PageName, string> = {
  live: 'M2.500 12h4l2.500-7 4 13 3-9 1.500 3h4',
  findings: 'M12 3.500c-3.500 0-5.500 2.500-5.500 5.500 0 4-1.500 6-2.500 7h16c-1-1-2.500-3-2.500-7 0-3-2-5.500-5.500-5.500ZM10 19.500c.5 1 3.500 1 4 0',
  hosts: 'M3.500 5h17v11h-17ZM8.500 20h7M12 16v4',
  indicators: 'M5.500 21V4M5.500 4.500h12l-3 4 3 4h-12',
};

export function PageMark({ name }: { name: PageName }) {
  return (
    <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path d={page_paths[name]} /></svg>
  );
}

// The lookout: a roof, the bell under it, a ladder up.
export function Lookout() {
  return (
    <svg className="lookout" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">
      <path d="M6 11 16 4.500 26 11M12 18 9 29M20 18l3 11M10.900 23h10.200M9 18h14" />
      <circle cx="16" cy="13.400" r="2.800" />
    </svg>
  );
}

const pictures: Record<string, string> = {
  login: 'M8 6h32v22H8ZM18 34h12M24 28v6M24 12.500a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM18 25c1-5 11-5 12 0',
  shell: 'M7 7h34v26H7ZM7 13h34M13 19l4 3.500-4 3.500M20 27h7',
  started: 'M8 8h22v24H8ZM8 14h22M15 19l8 4.500-8 4.500ZM36 14l5 6-5 6',
  scheduled: 'M24 7a13 13 0 1 1 0 26 13 13 0 0 1 0-26ZM24 12v8l6 4',
  became: 'M17 9a4.500 4.500 0 1 1 0 9 4.500 4.500 0 0 1 0-9ZM8 31c1-11 17-11 18 0M30 12h10M36 8l4 4-4 4M40 24H30M34 20l-4 4 4 4',
  observed: 'M6 20c8-13 28-13 36 0-8 13-28 13-36 0ZM24 14.500a5.500 5.500 0 1 1 0 11 5.500 5.500 0 0 1 0-11Z',
  children: 'M6 15h12v10H6ZM30 6h12v10H30ZM30 24h12v10H30ZM18 20h5V11h7M23 20v9h7',
  script: 'M14 6h20c-3 0-3 4-3 6v20c0 3-4 3-4 0H9c0 3 5 3 5 0ZM18 13h9M18 18h9M18 23h6',
  connected: 'M5 13h14v12H5ZM29 13h14v12H29ZM19 19h9M25 16l3 3-3 3M9 29h6M33 29h6',
  accepted: 'M5 13h14v12H5ZM29 13h14v12H29ZM29 19h-9M23 16l-3 3 3 3M9 29h6M33 29h6',
  rule_held: 'M24 6c-6 0-9 4-9 9 0 7-2.500 10-4 12h26c-1.500-2-4-5-4-12 0-5-3-9-9-9ZM21 31c1 2 5 2 6 0M8 9l3 3M40 9l-3 3',
  candidate: 'M14 35V6M14 7h20l-5 7 5 7H14',
  published: 'M10 16v8h6l14 8V8L16 16ZM35 15c2 3 2 7 0 10M39 12c4 5 4 11 0 16',
  recorded: 'M12 6h24v28H12ZM18 13h12M18 19h12M18 25h5M30 24a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7',
  held: 'M24 7a13 13 0 1 1 0 26 13 13 0 0 1 0-26ZM20 15v10M28 15v10',
  ended: 'M8 8h32v24H8ZM19 15h10v10H19Z',
  other: 'M24 8a12 12 0 1 1 0 24 12 12 0 0 1 0-24ZM24 18v8M24 14v.1',
};

export function Picture({ name }: { name: string }) {
  return (
    <svg className={`picture${name === 'rule_held' ? ' picture-bell' : ''}`} viewBox="0 0 48 40" width="60" height="50" aria-hidden="true">
      <path d={pictures[name] ?? pictures['other']} />
    </svg>
  );
}

export function tag_name(tag: string): string {
  return tag.replace(/^attack\./, '').replace(/^t(\d)/, 'T$1');
}

export const technique = (tag: string): boolean => /^attack\.t\d{4}/.test(tag);
export function tactic_key(tag: string): Key | null {
  const key = `tactic.${tag.replace(/^attack\./, '').replaceAll('_', '-')}`;
  return tag.startsWith('attack.') && has_message(key) ? key : null;
}
