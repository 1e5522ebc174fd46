// Checks in the reader's own browser that an entry stands in an evidence log, by arithmetic alone: the centre supplies the
// numbers, and none of its words are believed.
//   RFC 6962 section 2.1 (leaf hash, audit path), RFC 9162 section 2.1.3.2 (how a path is verified),
//   C2SP tlog-checkpoint and signed-note (the signed root), schema/hinomi/v1/evidence.proto (the leaf).

import type { EntryRef, LogProof } from './api.ts';

export type Verdict = 'good' | 'bad' | 'unknown';
export type CheckName = 'position' | 'leaf' | 'content' | 'inclusion' | 'checkpoint' | 'signature' | 'same_key';

export interface Check {
  name: CheckName;
  verdict: Verdict;
  // What was stated and what this browser computed, to be shown side by side.
  stated: string;
  computed: string;
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function from_base64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const out = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; ++i) out[i] = binary.charCodeAt(i);
  return out;
}

// A digest stands in JSON as 64 hex digits or as base64.
function digest_of(text: string): Uint8Array {
  if (/^[0-9a-f]{64}$/i.test(text))
    return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return from_base64(text);
}

function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

export const leaf_hash = (leaf: Uint8Array): Promise<Uint8Array> => sha256(concat(Uint8Array.of(0), leaf));
export const node_hash = (left: Uint8Array, right: Uint8Array): Promise<Uint8Array> => sha256(concat(Uint8Array.of(1), left, right));

// The root that a leaf and its audit path lead to; null if the path has the wrong length.
export async function root_from_path(
  leaf: Uint8Array, index: bigint, size: bigint, path: Uint8Array[],
): Promise<Uint8Array | null> {
  if (index < 0n || index >= size) return null;
  let node = index;
  let last = size - 1n;
  let hash = leaf;
  for (const sibling of path) {
    if (last === 0n) return null;
    if ((node & 1n) === 1n || node === last) {
      hash = await node_hash(sibling, hash);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = await node_hash(hash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n ? hash : null;
}

export interface Checkpoint { origin: string; size: bigint; root: Uint8Array; text: string; signatures: { name: string; id: Uint8Array; signature: Uint8Array<ArrayBuffer> }[] }

export function parse_checkpoint(note: string): Checkpoint {
  const split = note.lastIndexOf('\n\n');
  if (split < 0) throw new Error('not a signed note');
  const text = note.slice(0, split + 1);
  const lines = text.split('\n');
  const [origin, size, root] = lines;
  if (!origin || !size || !/^(0|[1-9]\d*)$/.test(size) || !root) throw new Error('not a checkpoint');
  const signatures = note.slice(split + 2).split('\n').filter((line) => line !== '').map((line) => {
    const match = /^\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)$/.exec(line);
    if (!match) throw new Error('not a signature line');
    const bytes = from_base64(match[2] ?? '');
    return { name: match[1] ?? '', id: bytes.slice(0, 4), signature: bytes.slice(4) };
  });
  return { origin, size: BigInt(size), root: from_base64(root), text, signatures };
}

export interface VerifierKey { name: string; id: Uint8Array; bytes: Uint8Array<ArrayBuffer>; public_key: Uint8Array<ArrayBuffer> }

export function parse_vkey(vkey: string): VerifierKey {
  const match = /^([^ +]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey);
  if (!match) throw new Error('not a verifier key');
  const bytes = from_base64(match[3] ?? '');
  if (bytes[0] !== 1 || bytes.length !== 33) throw new Error('not an Ed25519 key');
  return { name: match[1] ?? '', id: Uint8Array.from((match[2] ?? '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)), bytes, public_key: bytes.slice(1) };
}

export interface EvidenceLeaf { version: number; kind: number; received: bigint; organisation: string; system: string; sensor: Uint8Array; payload_length: bigint; payload_digest: Uint8Array; inline: Uint8Array<ArrayBuffer> | null }

export interface Act { kind: string; actor: string }

// The protobuf message EvidenceLeaf; fields that this page does not know are skipped.
export function parse_leaf(bytes: Uint8Array<ArrayBuffer>): EvidenceLeaf {
  const leaf: EvidenceLeaf = { version: 0, kind: 0, received: 0n, organisation: '', system: '', sensor: new Uint8Array(), payload_length: 0n, payload_digest: new Uint8Array(), inline: null };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('leaf ends early');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new Error('number too long');
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const field = tag >>> 3;
    const wire = tag & 7;
    if (wire === 0) {
      const value = varint();
      if (field === 1) leaf.version = Number(value);
      if (field === 2) leaf.kind = Number(value);
      if (field === 7) leaf.payload_length = value;
    } else if (wire === 1) {
      if (at + 8 > bytes.length) throw new Error('leaf ends early');
      if (field === 3) leaf.received = view.getBigInt64(at, true);
      at += 8;
    } else if (wire === 2) {
      const length = Number(varint());
      if (at + length > bytes.length) throw new Error('leaf ends early');
      const value = bytes.slice(at, at + length);
      at += length;
      if (field === 4) leaf.organisation = new TextDecoder().decode(value);
      if (field === 5) leaf.system = new TextDecoder().decode(value);
      if (field === 6) leaf.sensor = value;
      if (field === 8) leaf.payload_digest = value;
      if (field === 9) leaf.inline = value;
    } else {
      throw new Error('unknown form in leaf');
    }
  }
  return leaf;
}

// The act that an entry carries in itself, once its digest has been checked: message Act of the same file.
export async function act_of(proof: LogProof): Promise<Act | null> {
  const leaf = parse_leaf(from_base64(proof.leaf));
  if (leaf.kind !== 3 || leaf.inline === null || hex(await sha256(leaf.inline)) !== hex(leaf.payload_digest)) return null;
  const act: Act = { kind: '', actor: '' };
  // Fields of an act are short texts behind one-byte tags; what else there is, is not needed here.
  let at = 0;
  const bytes = leaf.inline;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const tag = number();
    if ((tag & 7) === 0) number();
    else if ((tag & 7) === 2) {
      const length = number();
      const text = new TextDecoder().decode(bytes.slice(at, at + length));
      at += length;
      if (tag >>> 3 === 2) act.kind = text;
      if (tag >>> 3 === 3) act.actor = text;
    } else return null;
  }
  return act;
}

// UTC nanoseconds of an RFC 3339 time, with all its digits.
export function nanoseconds_of(text: string): bigint | null {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(text);
  if (!match) return null;
  const seconds = BigInt(Date.parse(`${match[1]}Z`)) / 1000n;
  return seconds * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

const kind_names: Record<string, number> = { batch: 1, receipt: 2, act: 3 };

function check(name: CheckName, good: boolean, stated: string, computed: string): Check {
  return { name, verdict: good ? 'good' : 'bad', stated, computed };
}

async function attempt(name: CheckName, stated: string, run: () => Promise<Check>): Promise<Check> {
  try {
    return await run();
  } catch (error) {
    return { name, verdict: 'bad', stated, computed: error instanceof Error ? error.message : String(error) };
  }
}

// All checks, in the order in which they build on each other. `remembered` is the key that this browser saw first for
// this log; null if it sees one for the first time.
export async function verify_entry(proof: LogProof, expected: EntryRef, organisation: string, remembered: string | null): Promise<Check[]> {
  const checks: Check[] = [];

  checks.push(check('position', proof.origin === expected.log && Number(proof.index) === Number(expected.index),
    `${expected.log} #${expected.index}`, `${proof.origin} #${proof.index}`));

  const leaf = await attempt('leaf', proof.leaf_hash, async () => {
    const stated = digest_of(proof.leaf_hash);
    const computed = await leaf_hash(from_base64(proof.leaf));
    return check('leaf', hex(stated) === hex(computed), hex(stated), hex(computed));
  });
  checks.push(leaf);

  checks.push(await attempt('content', proof.entry.received, async () => {
    const inside = parse_leaf(from_base64(proof.leaf));
    const stated = proof.entry;
    const wrong: string[] = [];
    const kind = typeof stated.kind === 'number' ? stated.kind : kind_names[stated.kind];
    if (kind !== inside.kind) wrong.push('kind');
    if (nanoseconds_of(stated.received) !== inside.received) wrong.push('received');
    if (organisation !== inside.organisation) wrong.push('organisation');
    if ((stated.system ?? '') !== inside.system) wrong.push('system');
    if ((stated.sensor ?? '').replaceAll('-', '') !== hex(inside.sensor)) wrong.push('sensor');
    if (stated.payload_digest) {
      if (hex(digest_of(stated.payload_digest)) !== hex(inside.payload_digest)) wrong.push('payload_digest');
      if (BigInt(stated.payload_length ?? 0) !== inside.payload_length) wrong.push('payload_length');
    }
    return check('content', wrong.length === 0, `${organisation} ${stated.received}`, wrong.length === 0 ? `${inside.organisation} ${stated.received}` : `≠ ${wrong.join(', ')}`);
  }));

  checks.push(await attempt('checkpoint', proof.origin, async () => {
    const point = parse_checkpoint(proof.checkpoint);
    return check('checkpoint', point.origin === expected.log && point.size === BigInt(proof.size),
      `${expected.log}, ${proof.size}`, `${point.origin}, ${point.size}`);
  }));

  checks.push(await attempt('inclusion', '', async () => {
    const point = parse_checkpoint(proof.checkpoint);
    const computed = await root_from_path(await leaf_hash(from_base64(proof.leaf)), BigInt(expected.index), point.size, proof.path.map(from_base64));
    return check('inclusion', computed !== null && hex(computed) === hex(point.root), hex(point.root), computed === null ? '–' : hex(computed));
  }));

  checks.push(await attempt('signature', proof.vkey, async () => {
    const key = parse_vkey(proof.vkey);
    const point = parse_checkpoint(proof.checkpoint);
    const name = new TextEncoder().encode(`${key.name}\n`);
    const id = (await sha256(concat(name, key.bytes))).slice(0, 4);
    if (hex(id) !== hex(key.id)) return check('signature', false, hex(key.id), hex(id));
    const signature = point.signatures.find((line) => line.name === key.name && hex(line.id) === hex(id));
    if (!signature) return check('signature', false, proof.vkey, '–');
    let imported: CryptoKey;
    try {
      imported = await crypto.subtle.importKey('raw', key.public_key, { name: 'Ed25519' }, false, ['verify']);
    } catch (error) {
      // A browser without Ed25519 can say nothing about the signature; that is no failure of the log, and no success.
      if (error instanceof DOMException && error.name === 'NotSupportedError')
        return { name: 'signature', verdict: 'unknown', stated: proof.vkey, computed: '–' } satisfies Check;
      throw error;
    }
    const good = await crypto.subtle.verify({ name: 'Ed25519' }, imported, signature.signature, new TextEncoder().encode(point.text));
    return check('signature', good, proof.vkey, hex(signature.signature).slice(0, 32));
  }));

  checks.push(remembered === null
    ? { name: 'same_key', verdict: 'unknown', stated: '–', computed: proof.vkey }
    : check('same_key', remembered === proof.vkey, remembered, proof.vkey));
  return checks;
}

export function verdict_of(checks: Check[]): Verdict {
  if (checks.some((item) => item.verdict === 'bad')) return 'bad';
  // A key seen for the first time is said, and does not spoil the rest.
  return checks.some((item) => item.verdict === 'unknown' && item.name !== 'same_key') ? 'unknown' : 'good';
}

// The same answer with one bit of the entry turned over: what a forger would have to hide.
export function with_changed_bit(proof: LogProof): LogProof {
  const bytes = from_base64(proof.leaf);
  const at = bytes.length - 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return { ...proof, leaf: btoa(String.fromCharCode(...bytes)) };
}
