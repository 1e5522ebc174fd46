import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { expect, test } from 'vitest';
import type { LogProof } from './api.ts';
import { act_of, nanoseconds_of, verdict_of, verify_entry, with_changed_bit, type CheckName } from './proof.ts';

const sha = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
const origin = 'hinomi.test/evidence/city-hall';
const received = '2026-11-21T07:00:12.123456789Z';
const sensor = '00112233-4455-4677-8899-aabbccddeeff';
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const key = Buffer.concat([Buffer.from([1]), publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)]);
const key_id = sha(Buffer.from(`${origin}\n`), key).subarray(0, 4);
const vkey = `${origin}+${key_id.toString('hex')}+${key.toString('base64')}`;

function leaf_of(number: number): Buffer {
  const time = Buffer.alloc(9);
  time[0] = 0x19;
  time.writeBigInt64LE(nanoseconds_of(received) ?? 0n, 1);
  const text = (field: number, bytes: Buffer): Buffer => Buffer.concat([Buffer.from([field * 8 + 2, bytes.length]), bytes]);
  return Buffer.concat([Buffer.from([8, 1, 16, 1]), time, text(4, Buffer.from('city-hall')), text(5, Buffer.from('staff-pcs')),
    text(6, Buffer.from(sensor.replaceAll('-', ''), 'hex')), Buffer.from([56, number]), text(8, sha(Buffer.from([number])))]);
}

// RFC 6962 section 2.1, word for word: a second way to the same numbers.
function split(count: number): number {
  let k = 1;
  while (k * 2 < count) k *= 2;
  return k;
}
function root(leaves: Buffer[]): Buffer {
  if (leaves.length === 1) return sha(Buffer.from([0]), leaves[0] as Buffer);
  const k = split(leaves.length);
  return sha(Buffer.from([1]), root(leaves.slice(0, k)), root(leaves.slice(k)));
}
function path(index: number, leaves: Buffer[]): Buffer[] {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return index < k ? [...path(index, leaves.slice(0, k)), root(leaves.slice(k))] : [...path(index - k, leaves.slice(k)), root(leaves.slice(0, k))];
}

function proof_of(index: number, size: number): LogProof {
  const leaves = Array.from({ length: size }, (_, number) => leaf_of(number));
  const text = `${origin}\n${size}\n${root(leaves).toString('base64')}\n`;
  const leaf = leaves[index] as Buffer;
  return {
    origin, index, size, leaf: leaf.toString('base64'), leaf_hash: sha(Buffer.from([0]), leaf).toString('hex'), path: path(index, leaves).map((hash) => hash.toString('base64')),
    checkpoint: `${text}\n\u2014 ${origin} ${Buffer.concat([key_id, sign(null, Buffer.from(text), privateKey)]).toString('base64')}\n`, vkey,
    entry: { kind: 'batch', received, system: 'staff-pcs', sensor, payload_digest: sha(Buffer.from([index])).toString('hex'), payload_length: index },
  };
}

async function failures(proof: LogProof, index: number, remembered: string | null = vkey): Promise<CheckName[]> {
  return (await verify_entry(proof, { log: origin, index }, 'city-hall', remembered)).filter((check) => check.verdict === 'bad').map((check) => check.name);
}

test('every entry of every small tree verifies', async () => {
  for (let size = 1; size <= 17; ++size)
    for (let index = 0; index < size; ++index) {
      const checks = await verify_entry(proof_of(index, size), { log: origin, index }, 'city-hall', vkey);
      expect(checks.filter((check) => check.verdict !== 'good'), `${index} of ${size}`).toEqual([]);
    }
});

test('one changed bit of the entry fails its hash, its content and its inclusion', async () => {
  expect(await failures(with_changed_bit(proof_of(5, 13)), 5)).toEqual(['leaf', 'content', 'inclusion']);
});

test('an entry with a recomputed hash still fails its inclusion', async () => {
  const forged = with_changed_bit(proof_of(5, 13));
  forged.leaf_hash = sha(Buffer.from([0]), Buffer.from(forged.leaf, 'base64')).toString('hex');
  forged.entry.payload_digest = Buffer.from(forged.leaf, 'base64').subarray(-32).toString('hex');
  expect(await failures(forged, 5)).toEqual(['inclusion']);
});

test('another entry in place of the one asked for is noticed', async () => {
  expect(await failures(proof_of(6, 13), 5)).toEqual(['position', 'inclusion']);
});

test('a path that is too short, too long or in another order fails', async () => {
  const proof = proof_of(5, 13);
  expect(await failures({ ...proof, path: proof.path.slice(1) }, 5)).toEqual(['inclusion']);
  expect(await failures({ ...proof, path: [...proof.path, proof.path[0] ?? ''] }, 5)).toEqual(['inclusion']);
  expect(await failures({ ...proof, path: [...proof.path].reverse() }, 5)).toEqual(['inclusion']);
});

test('a checkpoint of another root fails its signature', async () => {
  const proof = proof_of(5, 13);
  const root_line = proof.checkpoint.split('\n')[2] ?? '';
  expect(await failures({ ...proof, checkpoint: proof.checkpoint.replace(root_line, sha(Buffer.from('x')).toString('base64')) }, 5)).toEqual(['inclusion', 'signature']);
});

test('a checkpoint of another log or size is refused', async () => {
  expect(await failures({ ...proof_of(5, 13), size: 14 }, 5)).toEqual(['checkpoint']);
  expect(await failures({ ...proof_of(5, 13), checkpoint: proof_of(5, 13).checkpoint.replace(origin, 'hinomi.test/evidence/hospital') }, 5)).toContain('checkpoint');
});

test('words beside the entry that the entry does not say are noticed', async () => {
  const proof = proof_of(5, 13);
  for (const change of [{ received: '2026-11-21T07:00:12.123456788Z' }, { system: 'servers' }, { sensor: sensor.replace('00', '01') }, { kind: 'act' }, { payload_length: 6 }])
    expect(await failures({ ...proof, entry: { ...proof.entry, ...change } }, 5)).toEqual(['content']);
});

test('another key than the one seen before is noticed', async () => {
  expect(await failures(proof_of(5, 13), 5, vkey.replace('hinomi', 'other'))).toEqual(['same_key']);
  const first = await verify_entry(proof_of(5, 13), { log: origin, index: 5 }, 'city-hall', null);
  expect(verdict_of(first)).toBe('good');
});

test('a key whose number is not its own, and bytes that are no proof, fail without an exception', async () => {
  expect(await failures({ ...proof_of(5, 13), vkey: vkey.replace(key_id.toString('hex'), '00000000') }, 5, null)).toEqual(['signature']);
  expect(await failures({ ...proof_of(5, 13), leaf: '!', checkpoint: 'x', vkey: 'y' }, 5, null)).toEqual(['leaf', 'content', 'checkpoint', 'inclusion', 'signature']);
});

test('an act is read out of its entry, unless its digest is not the one that the entry commits to', async () => {
  const act = Buffer.concat([Buffer.from([8, 1, 18, 7]), Buffer.from('publish'), Buffer.from([26, 4]), Buffer.from('sato'), Buffer.from([34, 2]), Buffer.from('{}')]);
  const leaf = (payload: Buffer): string => Buffer.concat([Buffer.from([16, 3, 66, 32]), sha(act), Buffer.from([74, payload.length]), payload]).toString('base64');
  expect(await act_of({ ...proof_of(0, 1), leaf: leaf(act) })).toEqual({ kind: 'publish', actor: 'sato' });
  const forged = Buffer.from(act);
  forged.write('kato', forged.indexOf('sato'));
  expect(await act_of({ ...proof_of(0, 1), leaf: leaf(forged) })).toBeNull();
  expect(await act_of(proof_of(0, 1))).toBeNull();
});
