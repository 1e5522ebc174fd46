// Logging in by a link that works once. Its token stands after '#', which no browser sends to a server; it is posted, and
// wiped from the address at once.

import { useEffect, useRef, useState, type FormEvent } from 'react';
import { LanguageChoice } from '../app.tsx';
import { ApiError, post } from '../api.ts';
import { useWords } from '../language.tsx';
import { Lookout } from '../parts/marks.tsx';

export function token_of(text: string): string {
  const trimmed = text.trim();
  const at = trimmed.indexOf('#');
  return at < 0 ? trimmed : trimmed.slice(at + 1);
}

export function LoginPage({ done }: { done: () => void }) {
  const { t } = useWords();
  const [text, set_text] = useState('');
  const [busy, set_busy] = useState(false);
  const [error, set_error] = useState<ApiError | null>(null);
  const begun = useRef(false);

  const enter = async (token: string): Promise<void> => {
    set_busy(true);
    set_error(null);
    try {
      await post('/login', { token });
      done();
    } catch (problem) {
      set_error(problem instanceof ApiError ? problem : new ApiError(0, 'unknown', String(problem)));
      set_busy(false);
    }
  };

  useEffect(() => {
    document.title = `${t('login.title')} · Hinomi`;
  }, [t]);
  useEffect(() => {
    const token = token_of(location.hash);
    if (begun.current || location.hash === '' || token === '') return;
    begun.current = true;
    history.replaceState(null, '', location.pathname);
    void enter(token);
  });

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const token = token_of(text);
    if (token !== '') void enter(token);
  };
  return (
    <main className="login">
      <div className="login-card">
        <p className="brand"><Lookout /><span>Hinomi</span></p>
        <h1>{t('login.title')}</h1>
        <p>{t('login.how')}</p>
        <form onSubmit={submit}>
          <label htmlFor="token">{t('login.link')}</label>
          <input id="token" name="token" type="password" autoComplete="off" spellCheck={false} value={text} onChange={(event) => set_text(event.target.value)} />
          <button type="submit" className="primary" disabled={busy}>{busy ? t('login.busy') : t('login.enter')}</button>
        </form>
        <div aria-live="assertive">
          {error && <p className="note note-bad">{error.status === 401 || error.status === 403 ? t('login.refused') : error.code === 'unreachable' ? t('error.unreachable') : error.message}</p>}
        </div>
        <p className="soft small">{t('login.new_link')} <code>hinomi login-link</code></p>
        <LanguageChoice />
      </div>
    </main>
  );
}
