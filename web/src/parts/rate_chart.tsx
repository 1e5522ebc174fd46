// Events a second over the last minutes. The drawing is a canvas (nothing inline that a strict policy would refuse); the
// same is said in words beside it.

import { useEffect, useRef } from 'react';
import { useWords } from '../language.tsx';
import { clock_time } from '../time.ts';

export interface Sample { at: number; rate: number }

interface Chart { setOption(option: object): void; resize(): void; dispose(): void }

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export default function RateChart({ samples, span }: { samples: Sample[]; span: number }) {
  const { t, language, number } = useWords();
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<Chart | null>(null);
  const latest = useRef({ samples, language });
  latest.current = { samples, language };

  const draw = (): void => {
    const { samples: points, language: shown } = latest.current;
    const now = points[points.length - 1]?.at ?? Date.now();
    chart.current?.setOption({
      animation: false,
      grid: { left: 8, right: 8, top: 12, bottom: 4, containLabel: true },
      xAxis: {
        type: 'time', min: now - span * 1000, max: now, splitNumber: 4,
        axisLine: { lineStyle: { color: colour('--line') } }, axisTick: { show: false },
        axisLabel: { color: colour('--ink-soft'), hideOverlap: true, showMinLabel: false, showMaxLabel: false, formatter: (value: number) => clock_time(new Date(value), shown) },
      },
      yAxis: {
        type: 'value', min: 0, minInterval: 1, splitNumber: 3,
        axisLabel: { color: colour('--ink-soft') }, splitLine: { lineStyle: { color: colour('--line') } },
      },
      series: [{ type: 'bar', barWidth: 4, itemStyle: { color: colour('--accent'), borderRadius: [2, 2, 0, 0] }, data: points.map((point) => [point.at, Math.round(point.rate * 10) / 10]) }],
    });
  };

  useEffect(() => {
    let gone = false;
    let watch: ResizeObserver | undefined;
    const dark = matchMedia('(prefers-color-scheme: dark)');
    void import('./echarts.ts').then(({ make_chart }) => {
      if (gone || !place.current) return;
      chart.current = make_chart(place.current);
      draw();
      watch = new ResizeObserver(() => chart.current?.resize());
      watch.observe(place.current);
    });
    dark.addEventListener('change', draw);
    return () => {
      gone = true;
      dark.removeEventListener('change', draw);
      watch?.disconnect();
      chart.current?.dispose();
      chart.current = null;
    };
  }, []);
  useEffect(draw, [samples, language]);

  const rates = samples.map((sample) => sample.rate);
  const summary = t('live.rate_summary', {
    now: number(Math.round(rates[rates.length - 1] ?? 0)),
    most: number(Math.round(Math.max(0, ...rates))),
    minutes: Math.round(span / 60),
  });
  return (
    <>
      <div className="chart" ref={place} role="img" aria-label={summary} />
      <p className="soft small">{summary}</p>
    </>
  );
}
