// Every finding, newest first, with filters.

import { useState } from 'react';
import { levels, type Finding, type Host, type Status } from '../api.ts';
import { useAnswer, usePages } from '../ask.ts';
import { useWords, When } from '../language.tsx';
import { Beat } from '../parts/beat.tsx';
import { useFilters } from '../parts/filters.ts';
import { LevelMark, tactic_key, tag_name, technique } from '../parts/marks.tsx';
import { Empty, Problem, Waiting } from '../parts/notes.tsx';
import { useRuleTitles } from '../parts/rule_titles.ts';
import { Link } from '../router.tsx';
import { base_name, show } from '../show.ts';

export function FindingsPage() {
  const { t } = useWords();
  const [paused, set_paused] = useState(false);
  const [filters, set_filter] = useFilters(['level', 'host', 'organisation', 'rule'] as const);
  const list = usePages<Finding, 'findings'>('/findings', 'findings', { ...filters, limit: 50 }, paused ? 0 : 2000);
  const title_of = useRuleTitles(list.items);
  const hosts = useAnswer<{ hosts: Host[] }>('/hosts');
  const status = useAnswer<Status>('/status');
  const organisations = status.value?.organisations ?? [];
  return (
    <>
      <div className="head"><h1 tabIndex={-1}>{t('page.findings')}</h1><Beat paused={paused} set_paused={set_paused} /></div>
      <p className="lead">{t('findings.lead')}</p>
      <form className="filters" onSubmit={(event) => event.preventDefault()}>
        <label>{t('filter.level')}
          <select value={filters.level} onChange={(event) => set_filter('level', event.target.value)}>
            <option value="">{t('filter.all')}</option>
            {levels.filter((level) => level !== 'informational').map((level) => <option key={level} value={level}>{level === 'critical' ? t('level.critical') : t('filter.level_from', { level: t(`level.${level}`) })}</option>)}
          </select>
        </label>
        <label>{t('filter.host')}
          <select value={filters.host} onChange={(event) => set_filter('host', event.target.value)}>
            <option value="">{t('filter.all')}</option>
            {(hosts.value?.hosts ?? []).map((host) => <option key={host.host} value={host.host}>{show(host.host_name)}</option>)}
          </select>
        </label>
        {organisations.length > 1 && (
          <label>{t('filter.organisation')}
            <select value={filters.organisation} onChange={(event) => set_filter('organisation', event.target.value)}>
              <option value="">{t('filter.all')}</option>
              {organisations.map((name) => <option key={name} value={name}>{name}</option>)}
            </select>
          </label>
        )}
        {filters.rule !== '' && <button type="button" onClick={() => set_filter('rule', '')}>{t('filter.any_rule')}</button>}
      </form>
      {list.error && <Problem error={list.error} />}
      {list.items === null && !list.error && <Waiting />}
      {list.items?.length === 0 && <Empty><p>{t('findings.none')}</p></Empty>}
      <ol className="rows findings">
        {(list.items ?? []).map((finding) => (
          <li key={finding.id}>
            <Link to={`/findings/${encodeURIComponent(finding.id)}`} className="row">
              <LevelMark level={finding.rule.level} />
              <span className="cell-title">
                <strong>{title_of(finding)}</strong>
                <span className="soft mono small">{finding.ancestry.slice(-4).map((one) => base_name(one.executable)).join(' › ')}</span>
              </span>
              <span className="cell-host">{show(finding.host_name)}<span className="soft small">{show(finding.organisation)} · {show(finding.system)}</span></span>
              <span className="cell-tags"><Tags tags={finding.rule.tags} /></span>
              <span className="cell-time"><When at={finding.received_time} /></span>
            </Link>
          </li>
        ))}
      </ol>
      {list.more && <button type="button" disabled={list.loading} onClick={list.next}>{t('action.more')}</button>}
    </>
  );
}

export function Tags({ tags }: { tags: string[] }) {
  const { t } = useWords();
  const tactic = tags.map(tactic_key).find((key) => key !== null);
  const codes = tags.filter(technique).map(tag_name);
  return <>{tactic && <span className="tag">{t(tactic)}</span>}{codes.slice(0, 2).map((code) => <span key={code} className="tag mono">{show(code)}</span>)}</>;
}
