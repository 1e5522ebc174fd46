// Hooks that ask the centre: once, again when the question changes, and again every so often where a page is live.

import { useCallback, useEffect, useState } from 'react';
import { ApiError, get, query_of, type Parameters } from './api.ts';

export interface Answer<T> { value: T | null; error: ApiError | null; again: () => void }

export function useAnswer<T>(path: string | null, parameters: Parameters = {}, every = 0): Answer<T> {
  const [value, set_value] = useState<T | null>(null);
  const [error, set_error] = useState<ApiError | null>(null);
  const [round, set_round] = useState(0);
  const question = path === null ? null : path + query_of(parameters);
  useEffect(() => {
    set_value(null);
    set_error(null);
  }, [question]);
  useEffect(() => {
    if (question === null) return undefined;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      try {
        const answer = await get<T>(question, {}, stop.signal);
        set_value(answer);
        set_error(null);
      } catch (problem) {
        if (stop.signal.aborted) return;
        set_error(problem instanceof ApiError ? problem : new ApiError(0, 'unknown', String(problem)));
      }
      if (every > 0 && !stop.signal.aborted) timer = setTimeout(() => void ask(), every);
    };
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [question, every, round]);
  const again = useCallback(() => set_round((count) => count + 1), []);
  return { value, error, again };
}

// A list page by page: what has come so far, and whether there is more.
export interface Pages<T> { items: T[] | null; more: boolean; loading: boolean; error: ApiError | null; next: () => void }

// With `every` (milliseconds) what is new comes in by itself, at the top.
export function usePages<T extends { id: string }, Name extends string>(path: string, name: Name, parameters: Parameters, every = 0): Pages<T> {
  const question = path + query_of(parameters);
  const [items, set_items] = useState<T[] | null>(null);
  const [cursor, set_cursor] = useState<string | null>(null);
  const [wanted, set_wanted] = useState<{ question: string; cursor: string | null }>({ question, cursor: null });
  const [loading, set_loading] = useState(true);
  const [error, set_error] = useState<ApiError | null>(null);
  useEffect(() => {
    set_items(null);
    set_cursor(null);
    set_wanted({ question, cursor: null });
  }, [question]);
  useEffect(() => {
    const stop = new AbortController();
    set_loading(true);
    const separator = wanted.question.includes('?') ? '&' : '?';
    const address = wanted.cursor === null ? wanted.question : `${wanted.question}${separator}cursor=${encodeURIComponent(wanted.cursor)}`;
    get<Record<Name, T[]> & { next?: string | null }>(address, {}, stop.signal)
      .then((answer) => {
        set_items((before) => (wanted.cursor === null || before === null ? answer[name] : [...before, ...answer[name]]));
        set_cursor(answer.next ?? null);
        set_error(null);
        set_loading(false);
      })
      .catch((problem: unknown) => {
        if (stop.signal.aborted) return;
        set_error(problem instanceof ApiError ? problem : new ApiError(0, 'unknown', String(problem)));
        set_loading(false);
      });
    return () => stop.abort();
  }, [wanted, name]);
  const begun = items !== null;
  const size = Number(parameters['limit'] ?? 50);
  useEffect(() => {
    if (every === 0 || !begun) return undefined;
    const stop = new AbortController();
    const timer = setInterval(() => {
      get<Record<Name, T[]> & { next?: string | null }>(question, {}, stop.signal)
        .then((answer) => {
          const fresh = answer[name];
          const known = new Set(fresh.map((item) => item.id));
          set_items((before) => {
            if (before === null || before.length > size) return [...fresh, ...(before ?? []).filter((item) => !known.has(item.id))];
            return fresh.length === before.length && fresh.every((item, at) => JSON.stringify(item) === JSON.stringify(before[at])) ? before : fresh;
          });
          set_cursor((old) => old ?? answer.next ?? null);
          set_error(null);
        })
        .catch((problem: unknown) => {
          if (!stop.signal.aborted) set_error(problem instanceof ApiError ? problem : new ApiError(0, 'unknown', String(problem)));
        });
    }, every);
    return () => {
      stop.abort();
      clearInterval(timer);
    };
  }, [question, name, every, begun, size]);
  const next = useCallback(() => {
    if (cursor !== null) set_wanted({ question, cursor });
  }, [question, cursor]);
  return { items, more: cursor !== null, loading, error, next };
}
