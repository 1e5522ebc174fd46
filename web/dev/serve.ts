// A centre made of fixed answers, for working on the pages and for nothing else: serves dist/ under the policy that the
// centre uses, and enough of /api/v1 to fill every page. The log proofs in it are real (keys and trees made at start).
//   node dev/serve.ts [port]
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import type { Finding, FindingDetail, Indicator, LogProof, RecordedEvent } from '../src/api.ts';

const sha = (...parts: Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
const varint = (value: number): Buffer => {
  const out: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128);
  return Buffer.from([...out, value]);
};
const bytes_field = (number: number, bytes: Buffer): Buffer => Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);

const organisation = 'city-hall';
const origin = `hinomi.local/evidence/${organisation}`;
const sensor = '6f9d0e6c-5f2b-4a41-9a53-0f4dd5a6b001';
const received = '2026-11-21T07:00:12.123456789Z';

function make_leaf(number: number): Buffer {
  const time = Buffer.alloc(9);
  time[0] = 3 * 8 + 1;
  time.writeBigInt64LE(BigInt(Date.parse('2026-11-21T07:00:12Z')) * 1_000_000n + 123_456_789n, 1);
  return Buffer.concat([Buffer.from([8, 1, 16, 1]), time, bytes_field(4, Buffer.from(organisation)), bytes_field(5, Buffer.from('staff-pcs')),
    bytes_field(6, Buffer.from(sensor.replaceAll('-', ''), 'hex')), Buffer.from([56, number % 100]), bytes_field(8, sha(Buffer.from([number])))]);
}

const leaves = Array.from({ length: 13 }, (_, number) => make_leaf(number));
const root_of = (from: number, to: number): Buffer => {
  if (to - from === 1) return sha(Buffer.from([0]), leaves[from] as Buffer);
  let split = 1;
  while (split * 2 < to - from) split *= 2;
  return sha(Buffer.from([1]), root_of(from, from + split), root_of(from + split, to));
};
const path_of = (index: number, from: number, to: number): Buffer[] => {
  if (to - from === 1) return [];
  let split = 1;
  while (split * 2 < to - from) split *= 2;
  return index < from + split ? [...path_of(index, from, from + split), root_of(from + split, to)] : [...path_of(index, from + split, to), root_of(from, from + split)];
};
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const public_bytes = Buffer.concat([Buffer.from([1]), publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)]);
const key_id = sha(Buffer.from(`${origin}\n`), public_bytes).subarray(0, 4);
const text = `${origin}\n${leaves.length}\n${root_of(0, leaves.length).toString('base64')}\n`;
const note = `${text}\n\u2014 ${origin} ${Buffer.concat([key_id, sign(null, Buffer.from(text), privateKey)]).toString('base64')}\n`;

function proof(index: number): LogProof {
  const leaf = leaves[index] as Buffer;
  return {
    origin, index, size: leaves.length, leaf: leaf.toString('base64'), leaf_hash: sha(Buffer.from([0]), leaf).toString('hex'),
    path: path_of(index, 0, leaves.length).map((hash) => hash.toString('base64')), checkpoint: note,
    vkey: `${origin}+${key_id.toString('hex')}+${public_bytes.toString('base64')}`,
    entry: { kind: 'batch', received, system: 'staff-pcs', sensor, payload_digest: sha(Buffer.from([index])).toString('hex'), payload_length: index % 100 },
  };
}

const host = 'a9b8c7d6-1111-5222-8333-444455556666';
const guid = (number: number): string => `00000000-0000-5000-8000-${String(number).padStart(12, '0')}`;
const titles = ['Program run from shared memory', 'Script piped into a shell', 'Renamed copy of a system tool', 'Connection by a program in a temporary folder'];
const finding = (number: number): Finding => ({
  id: `f1d1${String(number).padStart(4, '0')}-aaaa-5bbb-8ccc-ddddeeeeffff`,
  rule: { id: `b0b0${String(number % 4).padStart(4, '0')}-1111-4222-8333-444444444444`, digest: sha(Buffer.from([number])).toString('hex'), title: titles[number % 4] ?? '', author: 'Hinomi', level: (['high', 'medium', 'critical', 'low', 'informational'] as const)[number % 5] ?? 'low', tags: ['attack.defense-evasion', 'attack.t1036.003'] },
  engine: 'hinomi-detect/1', organisation, system: 'staff-pcs', host, host_name: 'pc-0412', source_time: '2026-11-21T07:00:11.5Z', received_time: received, process_guid: guid(5),
  ancestry: ['/usr/lib/systemd/systemd', '/usr/sbin/sshd', '/usr/bin/bash', '/dev/shm/.x'].map((executable, at) => ({ guid: guid(at + 1), executable })),
  matched: [{ field: 'Image', value: '/dev/shm/.x' }, { field: 'CommandLine', value: '/dev/shm/.x --to \\u{202e}gpj.exe <b>not bold</b>' }],
  evidence: [{ log: origin, index: 5, event: `${sensor}.00c0ffee00c0ffee.42` }],
});
const findings = Array.from({ length: 9 }, (_, number) => finding(number));
const indicators: Indicator[] = (['candidate', 'published', 'held'] as const).map((state, number) => ({
  id: `1d1c000${number}-aaaa-5bbb-8ccc-ddddeeeeffff`, type: number === 0 ? 'file-sha256' : 'ipv4-addr', value: number === 0 ? sha(Buffer.from('x')).toString('hex') : `203.0.113.${number}`,
  pattern: number === 0 ? `[file:hashes.'SHA-256' = '…']` : `[ipv4-addr:value = '203.0.113.${number}']`, producer: 'hinomi.local', organisation, state, reason: state === 'held' ? 'private address' : '',
  level: 'high', confidence: 60, tags: ['attack.defense-evasion', 'attack.t1036.003'], findings: [findings[0]?.id ?? ''], evidence: findings[0]?.evidence ?? [], created: received, modified: received, valid_from: received,
  published_by: state === 'published' ? { log: origin, index: 9 } : null, published: state === 'published' ? received : null,
}));

function detail(id: string): FindingDetail {
  const chosen = findings.find((one) => one.id === id) ?? finding(0);
  const process = (number: number, parent: number, executable: string, command_line: string, user: string, more: object = {}) =>
    ({ guid: guid(number), parent_guid: parent === 0 ? null : guid(parent), pid: 400 + number * 31, executable, command_line, user, start: `2026-11-21T07:00:0${number}.000Z`, end: null, exit_code: null, ...more });
  return {
    finding: chosen,
    events: [event(1003), event(1001)],
    processes: [
      process(1, 0, '/usr/lib/systemd/systemd', '/sbin/init', 'root'), process(2, 1, '/usr/sbin/sshd', 'sshd: tanaka [priv]', 'root'), process(3, 2, '/usr/bin/bash', '-bash', 'tanaka'),
      process(5, 3, '/dev/shm/.x', '/dev/shm/.x --to \\u{202e}gpj.exe <b>not bold</b> <img src=x onerror=alert(1)>', 'tanaka', { is_subject: true, end: '2026-11-21T07:00:13.000Z', exit_code: 0 }),
      process(4, 3, '/usr/bin/cp', 'cp /usr/bin/curl /dev/shm/.x', 'tanaka', { end: '2026-11-21T07:00:09.000Z', exit_code: 0 }), process(6, 5, '/usr/bin/id', 'id -a', 'tanaka'),
    ],
    connections: [{ process_guid: guid(5), time: received, protocol: 'tcp', destination_address: '203.0.113.2', destination_port: 4444 }],
    rule: { ...chosen.rule, title_ja: '共有メモリからのプログラム実行', description: 'A program was run from a folder that lives in memory only. It leaves no file behind.', description_ja: 'メモリ上にしかない置き場からプログラムが実行されました。ファイルが残らないため、痕跡を隠す目的でよく使われます。', references: ['https://attack.mitre.org/techniques/T1036/003/'], falsepositives: ['Some installers'], source: 'title: Program run from shared memory\nlevel: high\ndetection:\n  selection:\n    Image|startswith: /dev/shm/\n  condition: selection\n' },
    steps: [],
    indicators: indicators.slice(0, 1),
  };
}

let count = 1000;
const started = Date.now();
function event(number: number): RecordedEvent {
  const time = new Date(started + (number - 1000) * 150).toISOString();
  const network = number % 7 === 0;
  return {
    id: `${sensor}.00c0ffee00c0ffee.${number}`, kind: network ? 'network_connect' : number % 3 === 0 ? 'process_exit' : 'process_start', source_time: time, observed_time: time, received_time: time, organisation, system: 'staff-pcs', host, host_name: 'pc-0412',
    entry: { log: origin, index: 5 },
    fields: network ? { process_executable: '/usr/bin/curl', destination_address: '203.0.113.9', destination_port: 443 } : { process_id: number, process_executable: '/usr/bin/ls', process_arguments: `ls -l /srv/files/${number} \\u{202e}<script>`, process_user_name: 'tanaka' },
  };
}

const files = join(import.meta.dirname, '../dist');
const types: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
let session = false;
createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const answer = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  const refuse = (status: number, code: string): void => answer(status, { error: { code, message: code } });
  if (url.pathname.startsWith('/api/v1')) {
    const path = url.pathname.slice(7);
    count = 1000 + Math.floor((Date.now() - started) / 150);
    if (path === '/login') {
      let body = '';
      request.on('data', (part) => (body += String(part)));
      request.on('end', () => {
        session = JSON.parse(body).token === 'letmein';
        if (session) answer(200, {});
        else refuse(401, 'unauthenticated');
      });
      return;
    }
    if (!session) return refuse(401, 'unauthenticated');
    if (path === '/logout') { session = false; return answer(200, {}); }
    if (path === '/session') return answer(200, { account: 'sato', role: 'analyst', organisation: null });
    if (path === '/status') return answer(200, { name: 'hinomi.local', version: '0.1.0', engine: 'hinomi-detect/1', time: new Date().toISOString(), organisations: [organisation, 'hospital'], counts: { events: count, findings: findings.length, indicators: indicators.length, hosts: 1 }, events_per_second: 6.7, rules: { loaded: 20, failed: 0 }, logs: [{ organisation, origin, size: leaves.length }] });
    if (path === '/hosts') return answer(200, { hosts: [{ host, host_name: 'pc-0412', organisation, system: 'staff-pcs', sensor, operating_system: 'Debian GNU/Linux 12', kernel: '6.1.0-28-amd64', first_seen: '2026-11-20T01:00:00Z', last_seen: new Date().toISOString(), events: count, findings: findings.length, lost: 3, sensor_version: '0.1.0', hooks: ['sched_process_exec', 'sched_process_exit', 'inet_sock_set_state'] }] });
    if (path === '/events') {
      const cursor = Number(url.searchParams.get('cursor') ?? count);
      if (url.searchParams.get('order') === 'asc') return answer(200, { events: Array.from({ length: Math.max(0, Math.min(500, count - cursor)) }, (_, at) => event(cursor + at + 1)), next: String(count) });
      return answer(200, { events: Array.from({ length: 60 }, (_, at) => event(count - at)), next: null });
    }
    if (path === '/findings') return answer(200, { findings: findings.filter((one) => !url.searchParams.get('level') || one.rule.level === url.searchParams.get('level')), next: null });
    if (path.startsWith('/findings/')) return answer(200, detail(path.slice(10)));
    if (path === '/indicators') return answer(200, { indicators: indicators.filter((one) => !url.searchParams.get('state') || one.state === url.searchParams.get('state')), next: null });
    const indicator = indicators.find((one) => path.startsWith(`/indicators/${one.id}`));
    if (indicator && path.endsWith('/publish')) { Object.assign(indicator, { state: 'published', published: received, published_by: { log: origin, index: 9 } }); return answer(200, indicator); }
    if (indicator) return answer(200, indicator);
    const entry = /^\/logs\/city-hall\/entries\/(\d+)$/.exec(path);
    if (entry) return answer(200, proof(Number(entry[1])));
    return refuse(404, 'not_found');
  }
  const wanted = join(files, url.pathname);
  const file = extname(wanted) !== '' && existsSync(wanted) ? wanted : join(files, 'index.html');
  response.writeHead(200, {
    'content-type': types[extname(file)] ?? 'application/octet-stream',
    'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'x-request': randomBytes(4).toString('hex'),
  });
  response.end(readFileSync(file));
}).listen(Number(process.argv[2] ?? 5199), '127.0.0.1');
