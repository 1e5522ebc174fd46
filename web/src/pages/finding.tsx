// One finding: first what happened, in plain steps, for somebody who is no specialist; then everything an analyst needs.

import { useState } from 'react';
import type { FindingDetail, Status } from '../api.ts';
import { useAnswer } from '../ask.ts';
import { has_message, useWords, When, type Key, type Words } from '../language.tsx';
import { EventRow } from '../parts/event_row.tsx';
import { LevelMark, Picture, StateMark, tactic_key } from '../parts/marks.tsx';
import { Fact, Shown } from '../parts/notes.tsx';
import { ProcessTree } from '../parts/process_tree.tsx';
import { EvidenceItem } from '../parts/verify.tsx';
import { Link } from '../router.tsx';
import { show } from '../show.ts';
import { plain_steps, subject_of, type PlainStep } from '../steps.ts';
import { full_time, parse_time } from '../time.ts';
import { Tags } from './findings.tsx';

export function FindingPage({ id }: { id: string }) {
  const { t } = useWords();
  const answer = useAnswer<FindingDetail>(`/findings/${encodeURIComponent(id)}`);
  return (
    <>
      <p className="back"><Link to="/findings">← {t('page.findings')}</Link></p>
      <Shown {...answer}>{(detail) => <Detail detail={detail} />}</Shown>
    </>
  );
}

function rule_text(detail: FindingDetail, words: Words): { title: string; description: string } {
  const { rule, finding } = detail;
  const ja = words.language === 'ja';
  return {
    title: show((ja && rule?.title_ja) || rule?.title || finding.rule.title),
    description: show((ja && rule?.description_ja) || rule?.description || ''),
  };
}

// A step's text stands only where every fact that it names is known.
function step_text(step: PlainStep, words: Words): { title: string; text: string } {
  const title: Key = has_message(`step.${step.step}`) ? (`step.${step.step}` as Key) : 'step.other';
  const text_key = `${title}_text`;
  const text = has_message(text_key) ? words.t(text_key, step.facts) : '';
  const complete = text !== '' && !/\{\w+\}/.test(words.t(text_key as Key).replace(/\{(\w+)\}/g, (whole, name: string) => (name in step.facts ? '' : whole)));
  return {
    title: title === 'step.other' ? words.t(title, { step: step.step }) : words.t(title),
    text: complete ? text : step.others.map(([, value]) => value).join(' · '),
  };
}

function Detail({ detail }: { detail: FindingDetail }) {
  const words = useWords();
  const { t, language } = words;
  const { finding } = detail;
  const { title, description } = rule_text(detail, words);
  const steps = plain_steps(detail, title);
  const subject = subject_of(detail);
  const severe = finding.rule.level === 'high' || finding.rule.level === 'critical';
  const tactics = finding.rule.tags.map(tactic_key).filter((key) => key !== null);
  const when = parse_time(finding.source_time);
  const facts = {
    // "root" is nobody whom one could ask.
    user: subject?.user === 'root' ? t('advice.administrator') : show(subject?.user || t('advice.somebody')),
    host: show(finding.host_name),
    time: when ? full_time(when, language) : '',
    organisation: show(finding.organisation),
  };
  const advice: Key[] = severe
    ? ['advice.keep_on', 'advice.ask', 'advice.unplug', 'advice.call']
    : ['advice.ask', 'advice.planned', 'advice.call_if'];
  return (
    <article className="finding">
      <header className="finding-head">
        <LevelMark level={finding.rule.level} />
        <h1 tabIndex={-1}>{title}</h1>
        <p className="soft">{show(finding.host_name)} · {show(finding.organisation)} · {show(finding.system)} · <When at={finding.source_time} full /></p>
        {description !== '' && <p className="lead">{description}</p>}
      </header>
      <div className="two">
        <section className="card" aria-labelledby="steps-title">
          <h2 id="steps-title">{t('finding.what_happened')}</h2>
          <ol className="steps">
            {steps.map((step, number) => {
              const { title: heading, text } = step_text(step, words);
              return (
                <li key={number}>
                  <Picture name={step.step} />
                  <div>
                    <h3><span className="step-number">{number + 1}</span> {heading}</h3>
                    {text !== '' && <p>{text}</p>}
                    {step.time && <p className="soft small"><When at={step.time} /></p>}
                  </div>
                </li>
              );
            })}
          </ol>
          {tactics.length > 0 && (
            <div className="why">
              <h3>{t('finding.why')}</h3>
              <ul>{tactics.map((key) => <li key={key}><strong>{t(key)}</strong> {t(`${key}_why` as Key)}</li>)}</ul>
            </div>
          )}
        </section>
        <div className="side">
          <section className="card" aria-labelledby="next-title">
            <h2 id="next-title">{t('finding.next')}</h2>
            <ol className="advice">{advice.map((key) => <li key={key}><strong>{t(key)}</strong><br />{t(`${key}_text` as Key, facts)}</li>)}</ol>
          </section>
          <Contacts detail={detail} title={title} facts={facts} />
        </div>
      </div>
      <section className="card" aria-labelledby="command-title">
        <h2 id="command-title">{t('field.command_line')}</h2>
        <pre className="code" tabIndex={0}>{show(subject?.command_line || t('finding.no_command'))}</pre>
        {finding.matched.length > 0 && (
          <>
            <h3>{t('finding.matched')}</h3>
            <dl className="facts">{finding.matched.map((item, number) => <Fact key={number} name={show(item.field)}><span className="mono">{show(item.value)}</span></Fact>)}</dl>
          </>
        )}
      </section>
      <section className="card" aria-labelledby="tree-title">
        <h2 id="tree-title">{t('tree.title')}</h2>
        <ProcessTree processes={detail.processes ?? []} connections={detail.connections ?? []} />
      </section>
      <section className="card" aria-labelledby="evidence-title">
        <h2 id="evidence-title">{t('evidence.title')}</h2>
        <p>{t('evidence.lead')}</p>
        {finding.evidence.map((item) => <EvidenceItem key={`${item.log}#${item.index}#${item.event}`} evidence={item} organisation={finding.organisation} />)}
        {(detail.events ?? []).length > 0 && (
          <>
            <h3 className="apart">{t('evidence.events')}</h3>
            <ol className="rows events">{detail.events?.map((event) => <EventRow key={event.id} event={event} />)}</ol>
          </>
        )}
      </section>
      <div className="two">
        <section className="card" aria-labelledby="rule-title">
          <h2 id="rule-title">{t('finding.rule')}</h2>
          <dl className="facts">
            <Fact name={t('field.title')}>{title}</Fact>
            <Fact name={t('field.author')}>{show(detail.rule?.author || finding.rule.author || '–')}</Fact>
            <Fact name={t('field.tags')}><Tags tags={finding.rule.tags} /></Fact>
            <Fact name={t('field.rule_id')}><span className="mono small">{show(finding.rule.id)}</span></Fact>
            <Fact name={t('field.digest')}><span className="mono small">{show(finding.rule.digest)}</span></Fact>
            <Fact name={t('field.engine')}><span className="mono small">{show(finding.engine)}</span></Fact>
            {(detail.rule?.falsepositives ?? []).length > 0 && <Fact name={t('field.falsepositives')}>{detail.rule?.falsepositives?.map(show).join(' · ')}</Fact>}
            {(detail.rule?.references ?? []).length > 0 && <Fact name={t('field.references')}>{detail.rule?.references?.map(show).join(' · ')}</Fact>}
          </dl>
          {detail.rule?.source && <details><summary>{t('finding.rule_source')}</summary><pre className="code" tabIndex={0}>{detail.rule.source.split('\n').map(show).join('\n')}</pre></details>}
          <p><Link to={`/findings?rule=${encodeURIComponent(finding.rule.id)}`}>{t('finding.same_rule')}</Link></p>
        </section>
        <section className="card" aria-labelledby="indicators-title">
          <h2 id="indicators-title">{t('page.indicators')}</h2>
          {(detail.indicators ?? []).length === 0 ? <p className="soft">{t('finding.no_indicators')}</p> : (
            <ul className="plain-list">
              {detail.indicators?.map((indicator) => (
                <li key={indicator.id}>
                  <StateMark state={indicator.state} /> <span className="soft small">{t(`type.${indicator.type}`)}</span><br />
                  <Link className="mono" to={`/indicators/${encodeURIComponent(indicator.id)}`}>{show(indicator.value)}</Link>
                </li>
              ))}
            </ul>
          )}
          <h3>{t('field.finding_id')}</h3>
          <p className="mono small">{show(finding.id)}</p>
        </section>
      </div>
    </article>
  );
}

function Contacts({ detail, title, facts }: { detail: FindingDetail; title: string; facts: Record<string, string> }) {
  const { t } = useWords();
  const status = useAnswer<Status>('/status');
  const [copied, set_copied] = useState(false);
  const message = t('call.message', { ...facts, title, level: t(`level.${detail.finding.rule.level}`), id: detail.finding.id, address: `${location.origin}/findings/${detail.finding.id}` });
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(message);
    set_copied(true);
  };
  return (
    <section className="card" aria-labelledby="call-title">
      <h2 id="call-title">{t('call.title')}</h2>
      <ol className="advice">
        <li><strong>{t('call.own', facts)}</strong><br />{t('call.own_text')}</li>
        <li><strong>{t('call.centre')}</strong><br />{t('call.centre_text', { name: status.value?.name ?? 'Hinomi' })}</li>
        <li><strong>JPCERT/CC</strong><br />{t('call.outside_text')}</li>
      </ol>
      <details>
        <summary>{t('call.what_to_say')}</summary>
        <pre className="code wrap" tabIndex={0}>{message}</pre>
        <button type="button" onClick={() => void copy()}>{copied ? t('action.copied') : t('action.copy')}</button>
      </details>
    </section>
  );
}
