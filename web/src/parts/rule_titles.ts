// Rules' titles in Japanese for lists: a finding carries its rule's own title alone, so the first finding of each rule is
// asked for the other one, once.
import { useEffect, useState } from 'react';
import { get, type Finding, type FindingDetail } from '../api.ts';
import { useWords } from '../language.tsx';
import { show } from '../show.ts';

const known = new Map<string, string | null>();

export function useRuleTitles(findings: Finding[] | null): (finding: Finding) => string {
  const { language } = useWords();
  const [, set_round] = useState(0);
  useEffect(() => {
    if (language !== 'ja' || findings === null) return undefined;
    const stop = new AbortController();
    const ask = async (): Promise<void> => {
      for (const finding of findings) {
        if (known.has(finding.rule.id)) continue;
        known.set(finding.rule.id, null);
        try {
          const detail = await get<FindingDetail>(`/findings/${encodeURIComponent(finding.id)}`, {}, stop.signal);
          known.set(finding.rule.id, detail.rule?.title_ja ?? null);
          set_round((round) => round + 1);
        } catch {
          known.delete(finding.rule.id);
          return;
        }
      }
    };
    void ask();
    return () => stop.abort();
  }, [findings, language]);
  return (finding) => show((language === 'ja' && known.get(finding.rule.id)) || finding.rule.title);
}
