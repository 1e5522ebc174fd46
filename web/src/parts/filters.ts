// Filters that stand in the page's address.
import { replace_query, usePlace } from '../router.tsx';

export function useFilters<Name extends string>(names: readonly Name[]): [Record<Name, string>, (name: Name, value: string) => void] {
  const { query } = usePlace();
  const values = Object.fromEntries(names.map((name) => [name, query.get(name) ?? ''])) as Record<Name, string>;
  const set = (name: Name, value: string): void => {
    const next = new URLSearchParams(query);
    if (value === '') next.delete(name);
    else next.set(name, value);
    const text = next.toString();
    replace_query(text === '' ? '' : `?${text}`);
  };
  return [values, set];
}
