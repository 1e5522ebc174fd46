// Text that an attacker chose (arguments, paths, names), made safe to look at: control characters, bidirectional
// controls, zero-width characters and line separators become \u{…}, the same set as src/base/escape.cpp. The centre
// escapes already; a backslash is therefore left as it is, so that nothing is escaped twice.

const dangerous =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
const lone_surrogate = /\p{Surrogate}/gu;

export function show(text: unknown): string {
  return String(text ?? '')
    .replace(dangerous, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`)
    .replace(lone_surrogate, (c) => `\\u{${c.charCodeAt(0).toString(16)}}`);
}

// The last part of a path: what people call the program.
export function base_name(path: string | null | undefined): string {
  if (!path) return '';
  const parts = path.split('/').filter((part) => part !== '');
  return show(parts[parts.length - 1] ?? path);
}

export function shorten(text: string, length: number): string {
  const points = Array.from(text);
  return points.length <= length ? text : `${points.slice(0, length - 1).join('')}…`;
}
