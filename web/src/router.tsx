// Pages by path (/findings/<id>). Links are real links: they open in another tab, and go through the keyboard.

import { useEffect, useState, type AnchorHTMLAttributes, type MouseEvent } from 'react';

const moved = 'hinomi:moved';

export function go(path: string): void {
  if (path !== location.pathname + location.search) history.pushState(null, '', path);
  window.dispatchEvent(new Event(moved));
  window.scrollTo(0, 0);
}

// Filters live in the address, so that a view can be sent to a colleague.
export function replace_query(query: string): void {
  history.replaceState(null, '', location.pathname + query);
  window.dispatchEvent(new Event(moved));
}

export function usePlace(): { path: string; query: URLSearchParams } {
  const [place, set_place] = useState(() => location.pathname + location.search);
  useEffect(() => {
    const update = (): void => set_place(location.pathname + location.search);
    window.addEventListener('popstate', update);
    window.addEventListener(moved, update);
    return () => {
      window.removeEventListener('popstate', update);
      window.removeEventListener(moved, update);
    };
  }, []);
  const at = place.indexOf('?');
  return { path: at < 0 ? place : place.slice(0, at), query: new URLSearchParams(at < 0 ? '' : place.slice(at)) };
}

export function Link({ to, onClick, ...rest }: { to: string } & AnchorHTMLAttributes<HTMLAnchorElement>) {
  const follow = (event: MouseEvent<HTMLAnchorElement>): void => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return <a {...rest} href={to} onClick={follow} />;
}
