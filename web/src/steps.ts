// What happened, in three to nine plain steps. The centre says which steps (facts, no words); where it names fewer than
// three, they are made here from the same processes and connections.

import type { FieldValue, FindingDetail, Process, Step } from './api.ts';
import { base_name, show, shorten } from './show.ts';

export interface PlainStep { step: string; time: string | null; facts: Record<string, string>; others: [string, string][] }

const shells = new Set(['sh', 'bash', 'dash', 'zsh', 'ksh', 'fish', 'busybox']);

function line_to(subject: Process | undefined, processes: Process[]): Process[] {
  const by_guid = new Map(processes.map((process) => [process.guid, process]));
  const line: Process[] = [];
  for (let at = subject; at && !line.includes(at); at = at.parent_guid ? by_guid.get(at.parent_guid) : undefined) line.unshift(at);
  return line;
}

export function subject_of(detail: FindingDetail): Process | undefined {
  const processes = detail.processes ?? [];
  return processes.find((process) => process.is_subject) ?? processes.find((process) => process.guid === detail.finding.process_guid);
}

// Facts that hold for the whole finding: every step's text may use them.
function common_facts(detail: FindingDetail, rule_title: string): Record<string, string> {
  const subject = subject_of(detail);
  const line = line_to(subject, detail.processes ?? []);
  const parent = line[line.length - 2];
  const connection = (detail.connections ?? []).find((one) => one.process_guid === subject?.guid) ?? detail.connections?.[0];
  const indicator = detail.indicators?.[0];
  const facts: Record<string, string> = { host: show(detail.finding.host_name), rule: rule_title };
  const put = (name: string, value: string | number | null | undefined): void => {
    if (value !== null && value !== undefined && value !== '') facts[name] = show(value);
  };
  put('user', subject?.user);
  put('program', base_name(subject?.executable));
  put('path', subject?.executable);
  put('parent', base_name(parent?.executable ?? detail.finding.ancestry[detail.finding.ancestry.length - 2]?.executable));
  put('address', connection?.destination_hostname || connection?.destination_address);
  put('port', connection?.destination_port);
  put('value', indicator ? shorten(indicator.value, 24) : null);
  return facts;
}

// By which door the line came in: some are no person at all.
const schedules = new Set(['cron', 'crond', 'atd']);
const switches = new Set(['sudo', 'su', 'doas']);

function nearer_name(step: string, program: string | undefined): string {
  if (step !== 'login' || program === undefined) return step;
  return schedules.has(program) ? 'scheduled' : switches.has(program) ? 'became' : step;
}

const paths = new Set(['program', 'parent', 'shell', 'executable', 'interpreter']);

function fact_text(name: string, value: FieldValue): string {
  const text = Array.isArray(value) ? value.join(', ') : String(value);
  if (name === 'value') return shorten(show(text), 24);
  return shorten(paths.has(name) && text.startsWith('/') ? base_name(text) : show(text), 160);
}

function derive(detail: FindingDetail): Step[] {
  const subject = subject_of(detail);
  const steps: Step[] = [];
  const line = line_to(subject, detail.processes ?? []);
  const before = line.slice(0, -1);
  const session = before.find((process) => /^(sshd|login|gdm|lightdm)/.test(base_name(process.executable)));
  if (session) steps.push({ step: 'login', time: session.start ?? null });
  const shell = [...before].reverse().find((process) => shells.has(base_name(process.executable)));
  if (shell) steps.push({ step: 'shell', time: shell.start ?? null, facts: { shell: shell.executable ?? '' } });
  steps.push({ step: 'started', time: subject?.start ?? detail.finding.source_time });
  if ((detail.connections ?? []).length > 0) steps.push({ step: 'connected', time: detail.connections?.[0]?.time ?? null });
  steps.push({ step: 'recorded', time: detail.finding.received_time });
  steps.push({ step: 'rule_held', time: detail.finding.received_time });
  const indicator = detail.indicators?.[0];
  if (indicator) steps.push({ step: indicator.state === 'published' ? 'published' : 'candidate', time: indicator.created });
  return steps;
}

export function plain_steps(detail: FindingDetail, rule_title: string): PlainStep[] {
  const common = common_facts(detail, rule_title);
  const given = detail.steps ?? [];
  const steps = given.length >= 3 ? given.slice(0, 9) : derive(detail).slice(0, 9);
  return steps.map(({ step, time, facts }) => {
    const own: Record<string, string> = {};
    for (const [name, value] of Object.entries(facts ?? {}))
      if (value !== null && value !== undefined && value !== '' && name !== 'rule' && name !== 'level') own[name] = fact_text(name, value);
    // A name says more than a number, where there is one.
    if (own['hostname'] !== undefined) own['address'] = own['hostname'];
    return { step: nearer_name(step, own['program']), time: time ?? null, facts: { ...common, ...own }, others: Object.entries(own) };
  });
}
