// The evidence of a finding or indicator, and the button that checks it in this browser.

import { useState } from 'react';
import { get, type Evidence, type LogProof } from '../api.ts';
import { keep_setting, read_setting, useWords } from '../language.tsx';
import { act_of, verdict_of, verify_entry, with_changed_bit, type Act, type Check, type Verdict } from '../proof.ts';
import { show, shorten } from '../show.ts';

const verdict_paths: Record<Verdict, string> = {
  good: 'M3 8.500 6.500 12 13 4.500',
  bad: 'M4 4l8 8M12 4l-8 8',
  unknown: 'M5.500 6a2.500 2.500 0 1 1 3.500 2.300c-.8.4-1 .8-1 1.700M8 12.800v.1',
};

function VerdictMark({ verdict, first = false }: { verdict: Verdict; first?: boolean }) {
  const { t } = useWords();
  return (
    <span className={`verdict verdict-${verdict}`}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d={verdict_paths[verdict]} /></svg>
      {first ? t('verdict.first') : t(`verdict.${verdict}`)}
    </span>
  );
}

interface Outcome { checks: Check[]; verdict: Verdict; altered: boolean; proof: LogProof; act: Act | null }

export function EvidenceItem({ evidence, organisation }: { evidence: Evidence; organisation: string }) {
  const { t } = useWords();
  const [outcome, set_outcome] = useState<Outcome | null>(null);
  const [problem, set_problem] = useState<string | null>(null);
  const [busy, set_busy] = useState(false);
  const setting = `hinomi.vkey.${evidence.log}`;

  const run = async (altered: boolean): Promise<void> => {
    set_busy(true);
    set_problem(null);
    set_outcome(null);
    try {
      const answer = await get<LogProof>(`/logs/${encodeURIComponent(organisation)}/entries/${evidence.index}`);
      const proof = altered ? with_changed_bit(answer) : answer;
      const checks = await verify_entry(proof, evidence, organisation, read_setting(setting));
      const verdict = verdict_of(checks);
      if (verdict === 'good' && !altered && read_setting(setting) === null) keep_setting(setting, proof.vkey);
      set_outcome({ checks, verdict, altered, proof, act: verdict === 'bad' ? null : await act_of(proof) });
    } catch (error) {
      set_problem(error instanceof Error ? error.message : String(error));
    }
    set_busy(false);
  };

  return (
    <div className="evidence">
      <dl className="facts">
        <div className="fact"><dt>{t('evidence.log')}</dt><dd className="mono">{show(evidence.log)}</dd></div>
        <div className="fact"><dt>{t('evidence.entry')}</dt><dd className="mono">#{evidence.index}</dd></div>
        {evidence.event !== '' && <div className="fact"><dt>{t('evidence.event')}</dt><dd className="mono">{show(evidence.event)}</dd></div>}
      </dl>
      <div className="actions">
        <button type="button" className="primary" disabled={busy} onClick={() => void run(false)}>{t('evidence.verify')}</button>
        <button type="button" disabled={busy} onClick={() => void run(true)}>{t('evidence.alter')}</button>
      </div>
      <div aria-live="polite">
        {busy && <p className="soft">{t('evidence.running')}</p>}
        {problem !== null && <p className="result result-bad"><VerdictMark verdict="bad" /> {t('evidence.no_proof')} {show(problem)}</p>}
        {outcome && (
          <div className={`result result-${outcome.verdict}`} data-verdict={outcome.verdict}>
            {outcome.altered && <p className="altered">{t('evidence.altered')}</p>}
            <p className="headline"><VerdictMark verdict={outcome.verdict} /> {t(`evidence.result_${outcome.verdict}`)}</p>
            {outcome.act && <p>{outcome.act.kind === 'publish' ? t('act.published', { actor: show(outcome.act.actor) }) : t('act.other', { actor: show(outcome.act.actor), kind: show(outcome.act.kind) })}</p>}
            <ol className="checks">
              {outcome.checks.map((check) => (
                <li key={check.name} data-check={check.name} data-verdict={check.verdict}>
                  <VerdictMark verdict={check.verdict} first={check.name === 'same_key' && check.verdict === 'unknown'} />
                  <div>
                    <p><strong>{t(`check.${check.name}`)}</strong></p>
                    <p className="soft">{t(`check.${check.name}_why`)}</p>
                    {check.verdict === 'bad' ? (
                      <dl className="compare">
                        <dt>{t('check.stated')}</dt><dd className="mono">{show(check.stated)}</dd>
                        <dt>{t('check.computed')}</dt><dd className="mono">{show(check.computed)}</dd>
                      </dl>
                    ) : (
                      <p className="mono small">{show(shorten(check.computed, 90))}</p>
                    )}
                  </div>
                </li>
              ))}
            </ol>
            <details>
              <summary>{t('evidence.checkpoint')}</summary>
              <pre className="code" tabIndex={0}>{show_lines(outcome.proof.checkpoint)}</pre>
              <p className="mono small">{show(outcome.proof.vkey)}</p>
            </details>
          </div>
        )}
      </div>
    </div>
  );
}

function show_lines(text: string): string {
  return text.split('\n').map(show).join('\n');
}
