// One event in a line, and opened, every field of it.

import { useState } from 'react';
import type { RecordedEvent } from '../api.ts';
import { useWords, When } from '../language.tsx';
import { base_name, show } from '../show.ts';
import { KindMark } from './marks.tsx';

export function event_line(event: RecordedEvent): string {
  const { fields } = event;
  const text = (name: string): string => {
    const value = fields[name];
    return value === undefined || value === null ? '' : Array.isArray(value) ? value.join(' ') : String(value);
  };
  if (event.kind.startsWith('network_')) {
    const accept = event.kind === 'network_accept';
    const from = base_name(text('process_executable')) || '?';
    const far = `${text('destination_hostname') || text('destination_address')}:${text('destination_port')}`;
    return accept ? `${from} ← ${text('source_address')}:${text('source_port')}` : `${from} → ${far}`;
  }
  if (event.kind === 'loss') return `${text('loss_of')} ${text('loss_count')}`;
  if (event.kind === 'process_exit') return `${base_name(text('process_executable')) || text('process_id')} (${text('exit_code') || text('exit_signal') || '0'})`;
  if (event.kind === 'process_digest') return `${base_name(text('process_executable'))} ${text('process_sha256')}`;
  if (event.kind === 'process_fork') return `${base_name(text('process_executable')) || text('process_id')} → ${text('child_id')}`;
  if (event.kind.startsWith('sensor_')) return text('sensor_version');
  return text('process_arguments') || text('process_executable') || text('process_guid');
}

export function EventRow({ event }: { event: RecordedEvent }) {
  const { t } = useWords();
  const [open, set_open] = useState(false);
  return (
    <li>
      <button type="button" className="row" aria-expanded={open} onClick={() => set_open(!open)}>
        <span className="cell-time"><When at={event.source_time} /></span>
        <KindMark kind={event.kind} />
        <span className="cell-host">{show(event.host_name ?? event.host ?? '')}</span>
        <span className="cell-line mono">{show(event_line(event)) || '–'}</span>
      </button>
      {open && (
        <dl className="fields">
          <dt>id</dt><dd className="mono">{show(event.id)}</dd>
          {event.received_time && <><dt>{t('field.received')}</dt><dd><When at={event.received_time} full /></dd></>}
          {Object.entries(event.fields).map(([name, value]) => (
            <div key={name} className="pair"><dt className="mono">{show(name)}</dt><dd className="mono">{Array.isArray(value) ? value.map(show).join(' · ') : show(value)}</dd></div>
          ))}
        </dl>
      )}
    </li>
  );
}
