// What a page says when it waits, has nothing, or cannot ask.

import type { ReactNode } from 'react';
import type { ApiError } from '../api.ts';
import { has_message, useWords } from '../language.tsx';

export function Problem({ error, again }: { error: ApiError; again?: () => void }) {
  const { t } = useWords();
  const key = `error.${error.code}`;
  return (
    <div className="note note-bad" role="alert">
      <p><strong>{has_message(key) ? t(key) : t('error.any')}</strong></p>
      {error.code !== 'unreachable' && <p className="soft">{error.message}</p>}
      {again && <button type="button" onClick={again}>{t('action.again')}</button>}
    </div>
  );
}

export function Waiting() {
  const { t } = useWords();
  return <p className="note soft" role="status">{t('note.waiting')}</p>;
}

export function Empty({ children }: { children: ReactNode }) {
  return <div className="note">{children}</div>;
}

// An answer, whichever it is.
export function Shown<T>({ value, error, again, children }: { value: T | null; error: ApiError | null; again?: () => void; children: (value: T) => ReactNode }) {
  if (value !== null) return <>{children(value)}</>;
  if (error) return <Problem error={error} {...(again ? { again } : {})} />;
  return <Waiting />;
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
