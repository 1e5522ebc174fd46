// How to fetch what is published with a client of one's own.

import type { Session } from '../api.ts';
import { useWords } from '../language.tsx';
import { show } from '../show.ts';

export function Taxii({ session }: { session: Session }) {
  const { t } = useWords();
  return (
    <section className="card" aria-labelledby="fetch-title">
      <h2 id="fetch-title">{t('taxii.title')}</h2>
      <p>{t('taxii.lead')}</p>
      <pre className="code" tabIndex={0}>{`curl -u ${show(session.account)}:API_KEY --cacert ca.pem \\
  -H 'Accept: application/taxii+json;version=2.1' \\
  ${location.origin}/taxii2/`}</pre>
      <p className="soft small">{t('taxii.key')} <code>{`hinomi api-key ${show(session.account)}`}</code></p>
    </section>
  );
}
