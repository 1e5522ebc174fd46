// One indicator: what to look for, where it came from down to the evidence, and the act that publishes it.

import { useRef, useState } from 'react';
import { ApiError, post, type Indicator, type Session } from '../api.ts';
import { useAnswer } from '../ask.ts';
import { reason_text, useWords, When } from '../language.tsx';
import { LevelMark, StateMark } from '../parts/marks.tsx';
import { Fact, Shown } from '../parts/notes.tsx';
import { EvidenceItem } from '../parts/verify.tsx';
import { Link } from '../router.tsx';
import { show } from '../show.ts';
import { Tags } from './findings.tsx';

export function may_publish(session: Session, indicator: Indicator): boolean {
  if (indicator.state !== 'candidate') return false;
  return session.role === 'analyst' || session.role === 'operator' || (session.role === 'csirt' && session.organisation === indicator.organisation);
}

export function IndicatorPage({ id, session }: { id: string; session: Session }) {
  const { t } = useWords();
  const answer = useAnswer<Indicator | { indicator: Indicator }>(`/indicators/${encodeURIComponent(id)}`);
  return (
    <>
      <p className="back"><Link to="/indicators">← {t('page.indicators')}</Link></p>
      <Shown {...answer}>{(value) => <Detail indicator={'indicator' in value ? value.indicator : value} session={session} again={answer.again} />}</Shown>
    </>
  );
}

function Detail({ indicator, session, again }: { indicator: Indicator; session: Session; again: () => void }) {
  const words = useWords();
  const { t } = words;
  return (
    <article>
      <header className="finding-head">
        <StateMark state={indicator.state} />
        <h1 tabIndex={-1} className="mono value">{show(indicator.value)}</h1>
        <p className="soft">{t(`type.${indicator.type}`)} · {show(indicator.organisation)} · <When at={indicator.created} full /></p>
        <p className="lead">{t(`indicator.means_${indicator.state}`)}{indicator.reason ? ` ${show(reason_text(indicator.reason, words))}` : ''}</p>
        {may_publish(session, indicator) && <Publish indicator={indicator} done={again} />}
      </header>
      <div className="two">
        <section className="card" aria-labelledby="about-title">
          <h2 id="about-title">{t('indicator.about')}</h2>
          <dl className="facts">
            <Fact name={t('field.level')}><LevelMark level={indicator.level} /></Fact>
            <Fact name={t('field.confidence')}>{indicator.confidence} / 100</Fact>
            <Fact name={t('field.tags')}><Tags tags={indicator.tags} /></Fact>
            <Fact name={t('field.valid_from')}><When at={indicator.valid_from} full /></Fact>
            <Fact name={t('field.modified')}><When at={indicator.modified} full /></Fact>
            <Fact name={t('field.producer')}>{show(indicator.producer)}</Fact>
            <Fact name={t('field.pattern')}><span className="mono small">{show(indicator.pattern)}</span></Fact>
            <Fact name="id"><span className="mono small">{show(indicator.id)}</span></Fact>
          </dl>
        </section>
        <section className="card" aria-labelledby="origin-title">
          <h2 id="origin-title">{t('indicator.origin')}</h2>
          <ol className="origin">
            <li><strong>{t('indicator.origin_evidence', { count: indicator.evidence.length })}</strong></li>
            <li><strong>{t('indicator.origin_findings', { count: indicator.findings.length })}</strong>
              <ul className="plain-list">{indicator.findings.map((id) => <li key={id}><Link className="mono small" to={`/findings/${encodeURIComponent(id)}`}>{show(id)}</Link></li>)}</ul>
            </li>
            <li><strong>{t('indicator.origin_born')}</strong> <When at={indicator.created} full /></li>
            {indicator.published && <li><strong>{t('indicator.origin_published')}</strong> <When at={indicator.published} full /></li>}
          </ol>
        </section>
      </div>
      <section className="card" aria-labelledby="evidence-title">
        <h2 id="evidence-title">{t('evidence.title')}</h2>
        <p>{t('evidence.lead')}</p>
        {indicator.evidence.map((item) => <EvidenceItem key={`${item.log}#${item.index}#${item.event}`} evidence={item} organisation={indicator.organisation} />)}
      </section>
      {indicator.published_by && (
        <section className="card" aria-labelledby="act-title">
          <h2 id="act-title">{t('indicator.act')}</h2>
          <EvidenceItem evidence={{ ...indicator.published_by, event: '' }} organisation={organisation_of(indicator.published_by.log) ?? indicator.organisation} />
        </section>
      )}
    </article>
  );
}

// <centre>/evidence/<organisation>
function organisation_of(log: string): string | null {
  return /\/evidence\/([a-z0-9-]+)$/.exec(log)?.[1] ?? null;
}

function Publish({ indicator, done }: { indicator: Indicator; done: () => void }) {
  const { t } = useWords();
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, set_busy] = useState(false);
  const [error, set_error] = useState<ApiError | null>(null);
  const publish = async (): Promise<void> => {
    set_busy(true);
    set_error(null);
    try {
      await post(`/indicators/${encodeURIComponent(indicator.id)}/publish`);
      dialog.current?.close();
      done();
    } catch (problem) {
      set_error(problem instanceof ApiError ? problem : new ApiError(0, 'unknown', String(problem)));
    }
    set_busy(false);
  };
  return (
    <>
      <button type="button" className="primary" onClick={() => dialog.current?.showModal()}>{t('publish.open')}</button>
      <dialog ref={dialog} aria-labelledby="publish-title">
        <h2 id="publish-title">{t('publish.title')}</h2>
        <p className="mono value">{show(indicator.value)}</p>
        <p>{t('publish.text')}</p>
        {error && <p className="note note-bad" role="alert">{error.message}</p>}
        <div className="actions">
          <button type="button" className="primary" disabled={busy} onClick={() => void publish()}>{t('publish.confirm')}</button>
          <button type="button" onClick={() => dialog.current?.close()}>{t('action.cancel')}</button>
        </div>
      </dialog>
    </>
  );
}
