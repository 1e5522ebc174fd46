// Values that others can look for: which there are, in which state, and how to fetch them.

import type { Indicator, Session } from '../api.ts';
import { usePages } from '../ask.ts';
import { reason_text, useWords, When } from '../language.tsx';
import { useFilters } from '../parts/filters.ts';
import { LevelMark, StateMark } from '../parts/marks.tsx';
import { Empty, Problem, Waiting } from '../parts/notes.tsx';
import { Taxii } from '../parts/taxii.tsx';
import { Link } from '../router.tsx';
import { show } from '../show.ts';

const states = ['candidate', 'held', 'published'] as const;
const types = ['file-sha256', 'ipv4-addr', 'ipv6-addr', 'domain-name'] as const;

export function IndicatorsPage({ session }: { session: Session }) {
  const words = useWords();
  const { t } = words;
  const [filters, set_filter] = useFilters(['state', 'type'] as const);
  const list = usePages<Indicator, 'indicators'>('/indicators', 'indicators', { ...filters, limit: 50 });
  return (
    <>
      <div className="head"><h1 tabIndex={-1}>{t('page.indicators')}</h1></div>
      <p className="lead">{t('indicators.lead')}</p>
      <form className="filters" onSubmit={(event) => event.preventDefault()}>
        <label>{t('filter.state')}
          <select value={filters.state} onChange={(event) => set_filter('state', event.target.value)}>
            <option value="">{t('filter.all')}</option>
            {states.map((state) => <option key={state} value={state}>{t(`state.${state}`)}</option>)}
          </select>
        </label>
        <label>{t('filter.type')}
          <select value={filters.type} onChange={(event) => set_filter('type', event.target.value)}>
            <option value="">{t('filter.all')}</option>
            {types.map((type) => <option key={type} value={type}>{t(`type.${type}`)}</option>)}
          </select>
        </label>
      </form>
      {list.error && <Problem error={list.error} />}
      {list.items === null && !list.error && <Waiting />}
      {list.items?.length === 0 && <Empty><p>{t('indicators.none')}</p></Empty>}
      <ol className="rows indicators">
        {(list.items ?? []).map((indicator) => (
          <li key={indicator.id}>
            <Link to={`/indicators/${encodeURIComponent(indicator.id)}`} className="row">
              <StateMark state={indicator.state} />
              <span className="cell-title"><strong className="mono">{show(indicator.value)}</strong><span className="soft small">{t(`type.${indicator.type}`)}{indicator.reason ? ` · ${show(reason_text(indicator.reason, words))}` : ''}</span></span>
              <LevelMark level={indicator.level} />
              <span className="cell-host">{show(indicator.organisation)}<span className="soft small">{t('indicators.from', { count: indicator.findings.length })}</span></span>
              <span className="cell-time"><When at={indicator.modified} /></span>
            </Link>
          </li>
        ))}
      </ol>
      {list.more && <button type="button" disabled={list.loading} onClick={list.next}>{t('action.more')}</button>}
      <Taxii session={session} />
    </>
  );
}
