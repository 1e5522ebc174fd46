// Events as they arrive: a cursor that only goes forward, asked once a second; the rate; the hosts they come from.

import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { ApiError, get, type Host, type RecordedEvent, type Status } from '../api.ts';
import { useAnswer } from '../ask.ts';
import { has_message, useWords, When } from '../language.tsx';
import { Beat } from '../parts/beat.tsx';
import { EventRow } from '../parts/event_row.tsx';
import { Problem } from '../parts/notes.tsx';
import type { Sample } from '../parts/rate_chart.tsx';
import { Link } from '../router.tsx';
import { show } from '../show.ts';

const RateChart = lazy(() => import('../parts/rate_chart.tsx'));

const shown_events = 150;
const span_seconds = 120;
const kinds = ['process_start', 'process_exit', 'process_fork', 'process_digest', 'network_connect', 'network_accept', 'loss', 'sensor_start', 'sensor_stop'];

interface EventPage { events: RecordedEvent[]; next: string | null }

export function LivePage() {
  const { t, number } = useWords();
  const [events, set_events] = useState<RecordedEvent[]>([]);
  const [samples, set_samples] = useState<Sample[]>([]);
  const [status, set_status] = useState<Status | null>(null);
  const [error, set_error] = useState<ApiError | null>(null);
  const [paused, set_paused] = useState(false);
  const [text, set_text] = useState('');
  const [wanted_text, set_wanted_text] = useState('');
  const [kind, set_kind] = useState('');
  const [host, set_host] = useState('');
  const hosts = useAnswer<{ hosts: Host[] }>('/hosts', {}, paused ? 0 : 5000);
  const totals = useRef<{ at: number; events: number }[]>([]);

  useEffect(() => {
    const timer = setTimeout(() => set_wanted_text(text.trim()), 300);
    return () => clearTimeout(timer);
  }, [text]);

  // The rate, from the centre's own count, so that it holds also where this page cannot show every event.
  useEffect(() => {
    if (paused) return undefined;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      try {
        const answer = await get<Status>('/status', {}, stop.signal);
        const at = Date.now();
        // Batches come every so often: over three seconds the count is a rate again.
        totals.current = [...totals.current.filter((one) => at - one.at < 4000), { at, events: answer.counts.events }];
        const before = totals.current[0];
        const rate = before && at > before.at
          ? Math.max(0, (answer.counts.events - before.events) / ((at - before.at) / 1000))
          : answer.events_per_second;
        set_status(answer);
        set_samples((list) => [...list, { at, rate }].filter((sample) => sample.at > at - span_seconds * 1000));
        set_error(null);
      } catch (problem) {
        if (stop.signal.aborted) return;
        set_error(problem instanceof ApiError ? problem : new ApiError(0, 'unknown', String(problem)));
      }
      if (!stop.signal.aborted) timer = setTimeout(() => void ask(), 1000);
    };
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [paused]);

  // The stream: what was there last, then everything after it.
  useEffect(() => {
    if (paused) return undefined;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let cursor: string | null = null;
    let since: string | null = null;
    const filter = { kind, host, text: wanted_text };
    const add = (fresh: RecordedEvent[], replace: boolean): void => set_events((list) => {
      const old = replace ? [] : list;
      const known = new Set(old.map((event) => event.id));
      const added = fresh.filter((event) => !known.has(event.id));
      return added.length === 0 && !replace ? list : [...added, ...old].slice(0, shown_events);
    });
    const ask = async (): Promise<void> => {
      let wait = 1000;
      try {
        if (since === null) {
          const now = (await get<Status>('/status', {}, stop.signal)).time;
          const page = await get<EventPage>('/events', { ...filter, order: 'desc', limit: 60 }, stop.signal);
          add(page.events, true);
          // A little overlap: what is already shown is known by its id.
          since = new Date(Date.parse(now.replace(/(\.\d{3})\d+/, '$1')) - 3000).toISOString();
        } else {
          const page: EventPage = await get<EventPage>('/events', { ...filter, order: 'asc', limit: 500, ...(cursor === null ? { since } : { cursor }) }, stop.signal);
          add([...page.events].reverse(), false);
          if (page.next !== null) cursor = page.next;
          if (page.events.length >= 500) wait = 100;
        }
      } catch (problem) {
        if (stop.signal.aborted) return;
        set_error(problem instanceof ApiError ? problem : new ApiError(0, 'unknown', String(problem)));
        wait = 3000;
      }
      if (!stop.signal.aborted) timer = setTimeout(() => void ask(), wait);
    };
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [paused, kind, host, wanted_text]);

  const known_hosts = useMemo(() => [...(hosts.value?.hosts ?? [])].sort((a, b) => ((b.last_seen ?? '') < (a.last_seen ?? '') ? -1 : 1)), [hosts.value]);

  return (
    <>
      <div className="head">
        <h1 tabIndex={-1}>{t('page.live')}</h1>
        <Beat paused={paused} set_paused={set_paused} />
      </div>
      {error && <Problem error={error} />}
      <div className="counts">
        {(['events', 'findings', 'hosts', 'indicators'] as const).map((name) => (
          <p key={name}><strong>{number(status?.counts[name])}</strong><span>{t(`count.${name}`)}</span></p>
        ))}
        <p><strong>{number(status?.rules.loaded)}</strong><span>{t('count.rules')}{status && status.rules.failed > 0 ? ` (${t('count.rules_failed', { count: status.rules.failed })})` : ''}</span></p>
      </div>
      <div className="live-top">
        <section className="card" aria-labelledby="rate-title">
          <h2 id="rate-title">{t('live.rate')}</h2>
          <Suspense fallback={<div className="chart" />}><RateChart samples={samples} span={span_seconds} /></Suspense>
        </section>
        <section className="card" aria-labelledby="hosts-title">
          <h2 id="hosts-title">{t('page.hosts')}</h2>
          <ul className="host-list">
            {known_hosts.slice(0, 6).map((item) => (
              <li key={item.host}>
                <button type="button" className="plain" aria-pressed={host === item.host} onClick={() => set_host(host === item.host ? '' : item.host)}>
                  <strong>{show(item.host_name)}</strong>
                  <span>{show(item.organisation)} · {show(item.system)}</span>
                </button>
                <span className="soft small"><When at={item.last_seen} /></span>
              </li>
            ))}
            {known_hosts.length === 0 && <li className="soft">{t('hosts.none')}</li>}
          </ul>
          <p><Link to="/hosts">{t('live.all_hosts')}</Link></p>
        </section>
      </div>
      <section aria-labelledby="events-title">
        <div className="head">
          <h2 id="events-title">{t('live.events')}</h2>
        </div>
        <form className="filters" onSubmit={(event) => event.preventDefault()}>
          <label>{t('filter.text')}<input type="search" value={text} onChange={(event) => set_text(event.target.value)} /></label>
          <label>{t('filter.kind')}
            <select value={kind} onChange={(event) => set_kind(event.target.value)}>
              <option value="">{t('filter.all')}</option>
              {kinds.map((name) => <option key={name} value={name}>{has_message(`kind.${name}`) ? t(`kind.${name}` as never) : name}</option>)}
            </select>
          </label>
          <label>{t('filter.host')}
            <select value={host} onChange={(event) => set_host(event.target.value)}>
              <option value="">{t('filter.all')}</option>
              {known_hosts.map((item) => <option key={item.host} value={item.host}>{show(item.host_name)}</option>)}
            </select>
          </label>
        </form>
        {events.length === 0 ? <p className="note">{t('live.none')}</p> : (
          <ol className="rows events">
            {events.map((event) => <EventRow key={event.id} event={event} />)}
          </ol>
        )}
      </section>
    </>
  );
}
