// Who is asking, which page they see, and the frame around it.

import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError, get, nobody, post, type Session } from './api.ts';
import { useWords, type Key } from './language.tsx';
import { FindingPage } from './pages/finding.tsx';
import { FindingsPage } from './pages/findings.tsx';
import { HostsPage } from './pages/hosts.tsx';
import { IndicatorPage } from './pages/indicator.tsx';
import { IndicatorsPage } from './pages/indicators.tsx';
import { LivePage } from './pages/live.tsx';
import { LoginPage } from './pages/login.tsx';
import { Lookout, PageMark, type PageName } from './parts/marks.tsx';
import { Problem, Waiting } from './parts/notes.tsx';
import { Taxii } from './parts/taxii.tsx';
import { go, Link, usePlace } from './router.tsx';
import { zone_name } from './time.ts';

const pages: readonly PageName[] = ['live', 'findings', 'hosts', 'indicators'];

type Who = { state: 'asking' } | { state: 'nobody' } | { state: 'somebody'; session: Session } | { state: 'failed'; error: ApiError };

export function App() {
  const [who, set_who] = useState<Who>({ state: 'asking' });
  const { path } = usePlace();
  const ask = useCallback(async () => {
    try {
      set_who({ state: 'somebody', session: await get<Session>('/session') });
    } catch (error) {
      const problem = error instanceof ApiError ? error : new ApiError(0, 'unknown', String(error));
      set_who(problem.status === 401 || problem.status === 403 ? { state: 'nobody' } : { state: 'failed', error: problem });
    }
  }, []);
  const at_login = path === '/login';
  useEffect(() => {
    if (!at_login) void ask();
  }, [ask, at_login]);

  useEffect(() => {
    const ended = (): void => set_who({ state: 'nobody' });
    window.addEventListener(nobody, ended);
    return () => window.removeEventListener(nobody, ended);
  }, []);

  if (at_login || who.state === 'nobody')
    return <LoginPage done={() => {
      set_who({ state: 'asking' });
      if (at_login) go('/live');
      else void ask();
    }} />;
  if (who.state === 'asking') return <main className="alone"><Waiting /></main>;
  if (who.state === 'failed') return <main className="alone"><Problem error={who.error} again={() => void ask()} /></main>;
  const leave = async (): Promise<void> => {
    try {
      await post('/logout');
    } finally {
      set_who({ state: 'nobody' });
    }
  };
  return <Frame session={who.session} path={path} leave={() => void leave()} />;
}

export function LanguageChoice() {
  const { language, choose, t } = useWords();
  return (
    <div className="languages" role="group" aria-label={t('language.choose')}>
      <button type="button" lang="en" aria-pressed={language === 'en'} onClick={() => choose('en')}>English</button>
      <button type="button" lang="ja" aria-pressed={language === 'ja'} onClick={() => choose('ja')}>日本語</button>
    </div>
  );
}

function Frame({ session, path, leave }: { session: Session; path: string; leave: () => void }) {
  const { t, language } = useWords();
  const main = useRef<HTMLElement>(null);
  const [, name = '', id] = path.split('/');
  const page: PageName = (pages as readonly string[]).includes(name) ? (name as PageName) : 'live';
  const detail = id !== undefined && id !== '' ? decodeURIComponent(id) : null;
  const title_key: Key = `page.${page}`;
  const before = useRef(path);

  useEffect(() => {
    document.title = `${t(title_key)} · Hinomi`;
    // A new page begins at its heading, also for those who do not see it change.
    if (before.current !== path) main.current?.querySelector('h1')?.focus();
    before.current = path;
  }, [path, title_key, t]);

  return (
    <div className="frame">
      <a className="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        main.current?.focus();
      }}>{t('nav.skip')}</a>
      <header className="rail">
        <Link to="/live" className="brand"><Lookout /><span>Hinomi</span></Link>
        <nav aria-label={t('nav.pages')}>
          <ul>
            {(session.role === 'subscriber' ? [] : pages).map((each) => (
              <li key={each}>
                <Link to={`/${each}`} aria-current={each === page ? 'page' : undefined}><PageMark name={each} /><span>{t(`page.${each}`)}</span></Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="who">
          <p><strong>{session.account}</strong><br /><span>{t(`role.${session.role}`)}{session.organisation ? ` · ${session.organisation}` : ''}</span></p>
          <p className="zone">{t('nav.zone', { zone: zone_name(language) })}</p>
          <LanguageChoice />
          <button type="button" onClick={leave}>{t('nav.logout')}</button>
        </div>
        <Town />
      </header>
      <main id="main" tabIndex={-1} ref={main} key={`${page}/${detail ?? ''}`}>
        {session.role === 'subscriber' ? <SubscriberPage session={session} /> : (
          <>
            {page === 'live' && <LivePage />}
            {page === 'findings' && (detail === null ? <FindingsPage /> : <FindingPage id={detail} />)}
            {page === 'hosts' && <HostsPage />}
            {page === 'indicators' && (detail === null ? <IndicatorsPage session={session} /> : <IndicatorPage id={detail} session={session} />)}
          </>
        )}
      </main>
    </div>
  );
}

// A subscriber reads the feed, and nothing here.
function SubscriberPage({ session }: { session: Session }) {
  const { t } = useWords();
  return (
    <>
      <h1 tabIndex={-1}>{t('page.indicators')}</h1>
      <p className="lead">{t('taxii.subscriber')}</p>
      <Taxii session={session} />
    </>
  );
}

// A town at night under its lookout: the house's sign, and nothing more.
function Town() {
  return (
    <svg className="town" viewBox="0 0 208 120" aria-hidden="true" preserveAspectRatio="xMidYMax meet">
      <path d="M0 112h208M6 112V88l16-10 16 10v24M38 112V96l14-8 14 8v16M136 112V92l18-11 18 11v20M172 112V98l13-8 13 8v14" />
      <path d="M82 36l21-13 21 13M90 48h26M94 48l-9 64M112 48l9 64M92 62h22M90 78h26M88 94h30M103 48v64" />
      <circle cx="103" cy="40" r="3.600" />
    </svg>
  );
}
