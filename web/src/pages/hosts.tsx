// The machines that report, and how well each of them does.

import type { Host } from '../api.ts';
import { useAnswer } from '../ask.ts';
import { useWords, When } from '../language.tsx';
import { Empty, Fact, Shown } from '../parts/notes.tsx';
import { Link } from '../router.tsx';
import { show } from '../show.ts';
import { parse_time } from '../time.ts';

const quiet_after = 10 * 60 * 1000;

export function HostsPage() {
  const { t } = useWords();
  const answer = useAnswer<{ hosts: Host[] }>('/hosts', {}, 5000);
  return (
    <>
      <div className="head"><h1 tabIndex={-1}>{t('page.hosts')}</h1></div>
      <p className="lead">{t('hosts.lead')}</p>
      <Shown {...answer}>
        {({ hosts }) => hosts.length === 0 ? <Empty><p>{t('hosts.none')}</p></Empty> : (
          <ul className="cards">
            {hosts.map((host) => <HostCard key={host.host} host={host} />)}
          </ul>
        )}
      </Shown>
    </>
  );
}

function HostCard({ host }: { host: Host }) {
  const { t, number } = useWords();
  const last = parse_time(host.last_seen);
  const quiet = !last || Date.now() - last.getTime() > quiet_after;
  return (
    <li className="card">
      <h2>{show(host.host_name)}</h2>
      <p className={`beat${quiet ? ' beat-off' : ''}`}><span aria-hidden="true" />{quiet ? t('hosts.quiet') : t('hosts.reporting')} · <When at={host.last_seen} /></p>
      <dl className="facts">
        <Fact name={t('field.organisation')}>{show(host.organisation)} · {show(host.system)}</Fact>
        <Fact name={t('field.operating_system')}>{show(host.operating_system || '–')}</Fact>
        <Fact name={t('field.kernel')}>{show(host.kernel || '–')}</Fact>
        <Fact name={t('count.events')}>{number(host.events)}</Fact>
        <Fact name={t('count.findings')}>{host.findings ? <Link to={`/findings?host=${encodeURIComponent(host.host)}`}>{number(host.findings)}</Link> : number(host.findings)}</Fact>
        <Fact name={t('hosts.lost')}>{number(host.lost)} {(host.lost ?? 0) > 0 && <span className="tag tag-strong">{t('hosts.lost_note')}</span>}</Fact>
        <Fact name={t('field.first_seen')}><When at={host.first_seen} /></Fact>
        <Fact name={t('field.sensor_version')}>{show(host.sensor_version || '–')}</Fact>
      </dl>
      <details>
        <summary>{t('hosts.more')}</summary>
        <dl className="facts">
          <Fact name={t('field.sensor')}><span className="mono small">{show(host.sensor)}</span></Fact>
          <Fact name={t('field.host_id')}><span className="mono small">{show(host.host)}</span></Fact>
          <Fact name={t('field.hooks')}>{(host.hooks ?? []).length === 0 ? '–' : <span className="mono small">{host.hooks?.map(show).join(', ')}</span>}</Fact>
        </dl>
      </details>
    </li>
  );
}
