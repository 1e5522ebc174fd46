// The processes of a finding as a graph, and the same as a nested list.
// Keys: Up and Down go through siblings and rows, Left to the parent, Right to the first child, Home and End to the ends.

import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import type { Connection, Process } from '../api.ts';
import { useWords, When } from '../language.tsx';
import { base_name, show, shorten } from '../show.ts';
import { fold_line, lay_out, make_forest, preorder, type Node } from '../tree.ts';
import { Fact } from './notes.tsx';

function name_of(node: Node): string {
  if (node.process) return base_name(node.process.executable) || '?';
  if (!node.connection) return '…';
  return show(node.connection?.destination_hostname || node.connection?.destination_address || '?');
}

export function ProcessTree({ processes, connections }: { processes: Process[]; connections: Connection[] }) {
  const { t } = useWords();
  const frame = useRef<HTMLDivElement>(null);
  const boxes = useRef(new Map<string, SVGGElement>());
  const [available, set_available] = useState(900);
  const [whole, set_whole] = useState(false);
  const everything = useMemo(() => make_forest(processes, connections), [processes, connections]);
  const roots = useMemo(() => (whole ? everything : fold_line(make_forest(processes, connections))), [processes, connections, everything, whole]);
  const nodes = useMemo(() => preorder(roots), [roots]);
  const first = nodes.find((node) => node.process?.is_subject) ?? nodes[nodes.length - 1];
  const [chosen, set_chosen] = useState<string | null>(null);
  const selected = nodes.find((node) => node.id === chosen) ?? first;
  const layout = useMemo(() => lay_out(roots, available), [roots, available]);

  useEffect(() => {
    const element = frame.current;
    if (!element) return undefined;
    const watch = new ResizeObserver(() => set_available(Math.max(240, element.clientWidth - 8)));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  if (!selected) return <p className="note soft">{t('tree.none')}</p>;

  const describe = (node: Node): string => {
    if (node.process) {
      const parts = [name_of(node)];
      if (node.process.pid) parts.push(t('tree.pid', { pid: node.process.pid }));
      if (node.process.user) parts.push(show(node.process.user));
      if (node.process.is_subject) parts.push(t('tree.subject'));
      return parts.join(', ');
    }
    if (!node.connection) return t('tree.earlier', { count: node.folded });
    return t('tree.connection', { address: name_of(node), port: node.connection?.destination_port ?? '?' });
  };

  const choose = (node: Node | null | undefined): void => {
    if (!node) return;
    set_chosen(node.id);
    boxes.current.get(node.id)?.focus();
  };
  // The box that stands for the eldest gives way to them.
  const open = (node: Node): void => {
    if (node.process || node.connection) choose(node);
    else {
      set_whole(true);
      set_chosen(everything[0]?.id ?? null);
    }
  };
  const move = (event: KeyboardEvent): void => {
    const at = nodes.indexOf(selected);
    const next: Record<string, Node | null | undefined> = {
      ArrowUp: nodes[at - 1], ArrowDown: nodes[at + 1],
      ArrowLeft: selected.parent, ArrowRight: selected.children[0],
      Home: nodes[0], End: nodes[nodes.length - 1],
    };
    if (!(event.key in next)) return;
    event.preventDefault();
    choose(next[event.key]);
  };

  const letters = Math.floor((layout.box_width - 24) / 7.8);
  return (
    <div className="tree" ref={frame}>
      <p className="soft small">{t('tree.keys')}</p>
      <svg className={`graph graph-${layout.mode}`} role="group" aria-label={t('tree.title')} width={layout.width + 6} height={layout.height + 6}
        viewBox={`-3 -3 ${layout.width + 6} ${layout.height + 6}`} onKeyDown={move}>
        {layout.edges.map(({ to, path }) => (
          <path key={to.node.id} className={`edge${to.node.connection ? ' edge-network' : ''}`} d={path} />
        ))}
        {layout.placed.map(({ node, x, y }) => {
          const name = shorten(name_of(node), node.process?.is_subject ? letters - 2 : letters);
          const more = shorten(node.process
            ? [node.process.pid ? String(node.process.pid) : '', show(node.process.user ?? '')].filter((part) => part !== '').join(' · ')
            : !node.connection ? t('tree.earlier', { count: node.folded }) : `${show(node.connection?.protocol ?? 'tcp')} → ${node.connection?.destination_port ?? '?'}`, letters + 3);
          return (
          <g key={node.id} ref={(element) => {
            if (element) boxes.current.set(node.id, element);
            else boxes.current.delete(node.id);
          }}
            className={`box${node.process?.is_subject ? ' box-subject' : ''}${node.connection ? ' box-network' : ''}${node === selected ? ' box-chosen' : ''}`}
            role="button" aria-pressed={node === selected} aria-label={`${name} ${more}${node.process?.is_subject ? `, ${t('tree.subject')}` : ''}`} tabIndex={node === selected ? 0 : -1}
            transform={`translate(${x} ${y})`}
            onClick={() => open(node)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' || event.key === ' ') {
                event.preventDefault();
                open(node);
              }
            }}>
            <rect width={layout.box_width} height={layout.box_height} rx="7" />
            {node.process?.is_subject && <path className="flag" d={`M${layout.box_width - 20} 0v15l5-4 5 4V0Z`} />}
            <text className="box-name" x="12" y="20">{`${name} `}</text>
            <text className="box-more" x="12" y="36">{more}</text>
          </g>
          );
        })}
      </svg>
      <div className="chosen" aria-live="polite">
        <h3>{name_of(selected)}{selected.process?.is_subject && <span className="subject-note"> {t('tree.subject')}</span>}</h3>
        <dl className="facts">
          {selected.process && (
            <>
              <Fact name={t('field.executable')}><span className="mono">{show(selected.process.executable ?? '–')}</span></Fact>
              <Fact name={t('field.command_line')}><span className="mono">{show(selected.process.command_line || '–')}</span></Fact>
              <Fact name={t('field.pid')}>{selected.process.pid ?? '–'}</Fact>
              <Fact name={t('field.user')}>{show(selected.process.user || '–')}</Fact>
              {selected.folded > 0 && <Fact name={t('tree.folded')}>{t('tree.folded_count', { count: selected.folded })}</Fact>}
              <Fact name={t('field.start')}><When at={selected.process.start} /></Fact>
              <Fact name={t('field.end')}>{selected.process.end ? <When at={selected.process.end} /> : t('tree.running')}
                {selected.process.end && selected.process.exit_code !== null && selected.process.exit_code !== undefined && ` (${t('tree.exit', { code: selected.process.exit_code })})`}
              </Fact>
            </>
          )}
          {!selected.process && !selected.connection && <Fact name={t('tree.folded')}>{t('tree.earlier_open')}</Fact>}
          {selected.connection && (
            <>
              <Fact name={t('field.destination')}><span className="mono">{name_of(selected)} : {selected.connection.destination_port ?? '?'}</span></Fact>
              <Fact name={t('field.time')}><When at={selected.connection.time} /></Fact>
            </>
          )}
        </dl>
      </div>
      <details className="as-list">
        <summary>{t('tree.as_list')}</summary>
        <NestedList nodes={everything} describe={describe} />
      </details>
    </div>
  );
}

function NestedList({ nodes, describe }: { nodes: Node[]; describe: (node: Node) => string }) {
  return (
    <ul>
      {nodes.map((node) => (
        <li key={node.id}>
          {describe(node)}
          {node.process?.command_line && <span className="mono small"> {show(node.process.command_line)}</span>}
          {node.children.length > 0 && <NestedList nodes={node.children} describe={describe} />}
        </li>
      ))}
    </ul>
  );
}
