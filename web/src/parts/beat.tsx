// Whether a page changes by itself, and the button that holds it (WCAG 2.2.2).

import { useWords } from '../language.tsx';

export function Beat({ paused, set_paused }: { paused: boolean; set_paused: (paused: boolean) => void }) {
  const { t } = useWords();
  return (
    <>
      <p className={`beat${paused ? ' beat-off' : ''}`}><span aria-hidden="true" />{paused ? t('live.paused') : t('live.running')}</p>
      <button type="button" aria-pressed={paused} onClick={() => set_paused(!paused)}>{paused ? t('live.resume') : t('live.pause')}</button>
    </>
  );
}
