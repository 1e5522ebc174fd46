import { expect, test } from 'vitest';
import type { Finding, FindingDetail, Process } from './api.ts';
import { token_of } from './pages/login.tsx';
import { plain_steps } from './steps.ts';
import { clock_time, full_time, parse_time, utc_time } from './time.ts';
import { fold_line, lay_out, make_forest, preorder } from './tree.ts';

const process = (guid: string, parent_guid: string | null, executable = '/bin/x', more: Partial<Process> = {}): Process => ({ guid, parent_guid, executable, pid: 1, ...more });

test('no box of the process tree lies on another, wide or narrow', () => {
  const processes = [process('a', null), process('b', 'a'), process('c', 'a'), process('d', 'b'), process('e', 'd'), process('f', 'd'), process('g', 'gone')];
  const connections = [{ process_guid: 'f', destination_address: '203.0.113.1', destination_port: 443 }];
  const roots = make_forest(processes, connections);
  expect(preorder(roots)).toHaveLength(8);
  for (const width of [300, 360, 700, 1100, 2000]) {
    const layout = lay_out(roots, width);
    expect(layout.width).toBeLessThanOrEqual(width);
    for (const one of layout.placed)
      for (const other of layout.placed)
        if (one !== other) expect(Math.abs(one.x - other.x) >= layout.box_width || Math.abs(one.y - other.y) >= layout.box_height).toBe(true);
  }
  expect(lay_out(roots, 1100).mode).toBe('across');
  expect(lay_out(roots, 360).mode).toBe('down');
});

test('processes that name each other as parents do not hang the page', () => {
  const roots = make_forest([process('a', 'b'), process('b', 'a'), process('c', 'c')], []);
  expect(preorder(roots).map((node) => node.id).sort()).toEqual(['a', 'b', 'c']);
});

test('a process with very many children draws a dozen, never without the one that matters', () => {
  const many = Array.from({ length: 100 }, (_, number) => process(`c${number}`, 'a', '/bin/x', { start: `2026-11-21T00:00:${String(number).padStart(3, '0')}`, is_subject: number === 70 }));
  const roots = make_forest([process('a', null), ...many], []);
  expect(roots[0]?.children).toHaveLength(12);
  expect(roots[0]?.folded).toBe(88);
  expect(roots[0]?.children.some((child) => child.id === 'c70')).toBe(true);
});

test('a long line of ancestors begins with one box for the eldest, so that the graph stays readable', () => {
  const line = Array.from({ length: 12 }, (_, number) => process(`p${number}`, number === 0 ? null : `p${number - 1}`, '/bin/x', { is_subject: number === 10 }));
  const roots = fold_line(make_forest(line, []));
  expect(preorder(roots).map((node) => node.id)).toEqual(['earlier', 'p7', 'p8', 'p9', 'p10', 'p11']);
  expect(roots[0]?.folded).toBe(7);
  expect(lay_out(roots, 1060).mode).toBe('across');
  expect(preorder(fold_line(make_forest(line.slice(6), [])))).toHaveLength(6);
});

test('Japanese readers see JST, everybody sees which zone, and UTC is at hand', () => {
  const when = parse_time('2026-11-21T15:30:01.987654321Z') as Date;
  expect(full_time(when, 'ja')).toBe('2026-11-22 00:30:01 JST');
  expect(clock_time(when, 'ja')).toBe('00:30:01');
  expect(full_time(when, 'en')).toMatch(/^2026-11-2\d \d\d:\d\d:\d\d \S+/);
  expect(utc_time(when)).toBe('2026-11-21 15:30:01 UTC');
  expect(parse_time('yesterday')).toBeNull();
});

test('a finding without steps from the centre still has three to nine', () => {
  const finding = { id: 'f', rule: { id: 'r', digest: '', title: 'T', author: '', level: 'high', tags: [] }, host_name: 'pc', ancestry: [], matched: [], evidence: [], process_guid: 'x', source_time: '2026-11-21T00:00:00Z', received_time: '2026-11-21T00:00:01Z' } as unknown as Finding;
  const bare: FindingDetail = { finding };
  expect(plain_steps(bare, 'T').map((step) => step.step)).toEqual(['started', 'recorded', 'rule_held']);
  const full: FindingDetail = {
    finding,
    processes: [process('s', null, '/usr/sbin/sshd'), process('b', 's', '/usr/bin/bash'), process('x', 'b', '/dev/shm/.x', { is_subject: true, user: 'eve\u202e' })],
    connections: [{ process_guid: 'x', destination_address: '203.0.113.1', destination_port: 443 }],
  };
  const steps = plain_steps(full, 'T');
  expect(steps.map((step) => step.step)).toEqual(['login', 'shell', 'started', 'connected', 'recorded', 'rule_held']);
  expect(steps[2]?.facts).toMatchObject({ user: 'eve\\u{202e}', program: '.x', address: '203.0.113.1', port: '443' });
});

test('a login link and a bare token both log in', () => {
  expect(token_of('https://hinomi.test:8443/login#abc')).toBe('abc');
  expect(token_of(' abc \n')).toBe('abc');
  expect(token_of('')).toBe('');
});
