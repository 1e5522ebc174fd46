// What the centre answers under /api/v1 (docs/openapi.yaml), and the one place that asks it.

export type Level = 'informational' | 'low' | 'medium' | 'high' | 'critical';
export const levels: readonly Level[] = ['critical', 'high', 'medium', 'low', 'informational'];

export interface Session { account: string; role: 'analyst' | 'csirt' | 'subscriber' | 'operator'; organisation: string | null }

export interface Status {
  name: string;
  version: string;
  engine: string;
  time: string;
  organisations: string[];
  counts: { events: number; findings: number; indicators: number; hosts: number };
  events_per_second: number;
  rules: { loaded: number; failed: number };
  logs: { organisation: string; origin: string; size: number }[];
}

export type FieldValue = string | number | boolean | string[];

export interface EntryRef { log: string; index: number }

export interface RecordedEvent {
  id: string;
  kind: string;
  source_time: string;
  observed_time?: string;
  received_time?: string;
  organisation?: string;
  system?: string;
  host?: string;
  host_name?: string;
  entry?: EntryRef;
  fields: Record<string, FieldValue>;
}

export interface Evidence { log: string; index: number; event: string }

export interface Finding {
  id: string;
  rule: { id: string; digest: string; title: string; author: string; level: Level; tags: string[] };
  engine: string;
  organisation: string;
  system: string;
  host: string;
  host_name: string;
  source_time: string;
  received_time: string;
  process_guid: string;
  ancestry: { guid: string; executable: string }[];
  matched: { field: string; value: string }[];
  evidence: Evidence[];
}

export interface Process {
  guid: string;
  parent_guid?: string | null;
  pid?: number | null;
  executable?: string | null;
  command_line?: string | null;
  user?: string | null;
  start?: string | null;
  end?: string | null;
  exit_code?: number | null;
  is_subject?: boolean;
}

export interface Connection {
  process_guid?: string | null;
  time?: string | null;
  protocol?: string | null;
  initiated?: boolean | null;
  source_address?: string | null;
  source_port?: number | null;
  destination_address?: string | null;
  destination_port?: number | null;
  destination_hostname?: string | null;
}

export interface Rule {
  id: string;
  title: string;
  title_ja?: string | null;
  description?: string | null;
  description_ja?: string | null;
  level: Level;
  tags?: string[];
  author?: string | null;
  references?: string[];
  falsepositives?: string[];
  source?: string | null;
}

export interface Step { step: string; time?: string | null; facts?: Record<string, FieldValue | null> }

export interface FindingDetail {
  finding: Finding;
  events?: RecordedEvent[];
  processes?: Process[];
  connections?: Connection[];
  rule?: Rule | null;
  steps?: Step[];
  indicators?: Indicator[];
}

export interface Host {
  host: string;
  host_name: string;
  organisation: string;
  system: string;
  sensor: string;
  operating_system?: string;
  kernel?: string;
  first_seen?: string;
  last_seen?: string;
  events?: number;
  findings?: number;
  lost?: number;
  sensor_version?: string;
  hooks?: string[];
}

export interface Indicator {
  id: string;
  type: 'file-sha256' | 'ipv4-addr' | 'ipv6-addr' | 'domain-name';
  value: string;
  pattern: string;
  producer: string;
  organisation: string;
  state: 'candidate' | 'held' | 'published';
  reason?: string;
  level: Level;
  confidence: number;
  tags: string[];
  findings: string[];
  evidence: Evidence[];
  created: string;
  modified: string;
  valid_from: string;
  published_by?: EntryRef | null;
  published?: string | null;
}

export interface LogProof {
  origin: string;
  index: number;
  size: number;
  leaf: string;
  leaf_hash: string;
  path: string[];
  checkpoint: string;
  vkey: string;
  entry: {
    kind: string | number;
    received: string;
    system?: string | null;
    sensor?: string | null;
    payload_digest?: string | null;
    payload_length?: number | null;
  };
}

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export type Parameters = Record<string, string | number | null | undefined>;

export function query_of(parameters: Parameters): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== null && value !== undefined && value !== '') search.set(name, String(value));
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

// The session ended: the frame shows the login again.
export const nobody = 'hinomi:nobody';

async function ask<T>(method: 'GET' | 'POST', path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      credentials: 'same-origin',
      headers: method === 'POST' ? { 'content-type': 'application/json', accept: 'application/json' } : { accept: 'application/json' },
      body: method === 'POST' ? JSON.stringify(body ?? {}) : null,
      signal: signal ?? null,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'unreachable', 'the centre does not answer');
  }
  const text = await response.text();
  let json: unknown = null;
  try {
    json = text === '' ? null : JSON.parse(text);
  } catch {
    throw new ApiError(response.status, 'malformed', `answer ${response.status} is not JSON`);
  }
  if (!response.ok) {
    if (response.status === 401 && path !== '/login' && path !== '/session') window.dispatchEvent(new Event(nobody));
    const error = (json as { error?: { code?: string; message?: string } } | null)?.error;
    throw new ApiError(response.status, error?.code ?? String(response.status), error?.message ?? response.statusText);
  }
  return json as T;
}

export const get = <T>(path: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<T> =>
  ask<T>('GET', path + query_of(parameters), null, signal);
export const post = <T>(path: string, body: unknown = {}): Promise<T> => ask<T>('POST', path, body);
