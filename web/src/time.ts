// Times as people read them: JST for readers of Japanese, the machine's own zone else; the zone is always named.

export type Language = 'en' | 'ja';

export function zone_of(language: Language): string | undefined {
  return language === 'ja' ? 'Asia/Tokyo' : undefined;
}

interface Parts { date: string; time: string; zone: string }

function parts_of(when: Date, zone: string | undefined): Parts {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    year: 'numeric', month: '2-digit', day: '2-digit',
    hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
    timeZoneName: 'short',
  });
  const part: Record<string, string> = {};
  for (const { type, value } of format.formatToParts(when)) part[type] = value;
  return {
    date: `${part['year']}-${part['month']}-${part['day']}`,
    time: `${part['hour']}:${part['minute']}:${part['second']}`,
    zone: zone === 'Asia/Tokyo' ? 'JST' : (part['timeZoneName'] ?? 'UTC'),
  };
}

export function parse_time(text: string | null | undefined): Date | null {
  if (!text) return null;
  // Nanoseconds are more digits than a Date keeps.
  const when = new Date(text.replace(/(\.\d{3})\d+/, '$1'));
  return Number.isNaN(when.getTime()) ? null : when;
}

export function full_time(when: Date, language: Language): string {
  const { date, time, zone } = parts_of(when, zone_of(language));
  return `${date} ${time} ${zone}`;
}

// Without the date where it is today's in the shown zone.
export function short_time(when: Date, language: Language, now: Date = new Date()): string {
  const shown = parts_of(when, zone_of(language));
  return shown.date === parts_of(now, zone_of(language)).date ? `${shown.time} ${shown.zone}` : full_time(when, language);
}

export function clock_time(when: Date, language: Language): string {
  return parts_of(when, zone_of(language)).time;
}

export function utc_time(when: Date): string {
  const { date, time } = parts_of(when, 'UTC');
  return `${date} ${time} UTC`;
}

export function zone_name(language: Language): string {
  return parts_of(new Date(), zone_of(language)).zone;
}
