// Lays out a process tree: from left to right where there is room (a tidy layered tree: leaves take rows, parents stand in
// the middle of their children), from top to bottom with indentation on a narrow screen. Pure arithmetic, no DOM.

import type { Connection, Process } from './api.ts';

export interface Node {
  id: string;
  folded: number;  // children that are not drawn
  process: Process | null;
  connection: Connection | null;
  children: Node[];
  parent: Node | null;
  depth: number;
}

// Most children that one process shows; the one that the finding is about and its line are always among them.
export const most_children = 12;

// Processes whose parent is not among them are roots. A loop of parents (a lie, or a bug) is cut where it closes.
export function make_forest(processes: Process[], connections: Connection[]): Node[] {
  const nodes = new Map<string, Node>();
  for (const process of processes)
    if (!nodes.has(process.guid)) nodes.set(process.guid, { id: process.guid, folded: 0, process, connection: null, children: [], parent: null, depth: 0 });
  const closes_loop = (child: Node, parent: Node): boolean => {
    for (let at: Node | null = parent; at; at = at.parent) if (at === child) return true;
    return false;
  };
  const roots: Node[] = [];
  for (const node of nodes.values()) {
    const parent = node.process?.parent_guid ? nodes.get(node.process.parent_guid) : undefined;
    if (parent && !closes_loop(node, parent)) {
      node.parent = parent;
      parent.children.push(node);
    } else {
      roots.push(node);
    }
  }
  connections.forEach((connection, number) => {
    const owner = connection.process_guid ? nodes.get(connection.process_guid) : undefined;
    if (!owner) return;
    owner.children.push({ id: `connection-${number}`, folded: 0, process: null, connection, children: [], parent: owner, depth: 0 });
  });
  const on_line = new Set<Node>();
  for (const node of nodes.values())
    if (node.process?.is_subject) for (let at: Node | null = node; at; at = at.parent) on_line.add(at);
  const start = (node: Node): string => node.process?.start ?? node.connection?.time ?? '';
  const settle = (node: Node, depth: number): void => {
    node.depth = depth;
    node.children.sort((a, b) => (start(a) < start(b) ? -1 : start(a) > start(b) ? 1 : 0));
    if (node.children.length > most_children) {
      const kept = new Set(node.children.filter((child) => on_line.has(child)));
      for (const child of node.children) if (kept.size < most_children) kept.add(child);
      node.folded = node.children.length - kept.size;
      node.children = node.children.filter((child) => kept.has(child));
    }
    for (const child of node.children) settle(child, depth + 1);
  };
  for (const root of roots) settle(root, 0);
  return roots;
}

export function preorder(roots: Node[]): Node[] {
  const out: Node[] = [];
  const walk = (node: Node): void => {
    out.push(node);
    node.children.forEach(walk);
  };
  roots.forEach(walk);
  return out;
}

// A long line of ancestors begins with one box that stands for the eldest of them (a node without process or connection).
export function fold_line(roots: Node[], keep = 3): Node[] {
  return roots.map((root) => {
    const subject = preorder([root]).find((node) => node.process?.is_subject);
    const line: Node[] = [];
    for (let at = subject?.parent ?? null; at; at = at.parent) line.unshift(at);
    const hidden = line.slice(0, Math.max(0, line.length - keep));
    const first = line[hidden.length];
    if (hidden.length < 2 || !first || hidden.some((node) => node.children.length > 1)) return root;
    const earlier: Node = { id: 'earlier', folded: hidden.length, process: null, connection: null, children: [first], parent: null, depth: 0 };
    first.parent = earlier;
    for (const node of preorder([earlier])) node.depth = node.parent ? node.parent.depth + 1 : 0;
    return earlier;
  });
}

export interface Placed { node: Node; x: number; y: number }
export interface Layout { mode: 'across' | 'down'; width: number; height: number; box_width: number; box_height: number; placed: Placed[]; edges: { from: Placed; to: Placed; path: string }[] }

const box_height = 46;

export function lay_out(roots: Node[], available: number): Layout {
  const nodes = preorder(roots);
  const depth = nodes.reduce((most, node) => Math.max(most, node.depth), 0);
  const across_width = Math.min(190, Math.floor((available - depth * 34) / (depth + 1)));
  const mode = across_width >= 132 ? 'across' : 'down';
  const placed = new Map<Node, Placed>();
  let box_width: number;
  if (mode === 'across') {
    box_width = across_width;
    let row = 0;
    const place = (node: Node): number => {
      const rows = node.children.map(place);
      const at = rows.length === 0 ? row++ : ((rows[0] ?? 0) + (rows[rows.length - 1] ?? 0)) / 2;
      placed.set(node, { node, x: node.depth * (box_width + 34), y: at * (box_height + 14) });
      return at;
    };
    roots.forEach(place);
  } else {
    const indent = Math.max(8, Math.min(22, Math.floor((available - 190) / Math.max(1, depth))));
    box_width = Math.min(320, Math.max(160, available - depth * indent - 2));
    nodes.forEach((node, row) => placed.set(node, { node, x: node.depth * indent, y: row * (box_height + 10) }));
  }
  const list = nodes.map((node) => placed.get(node)).filter((item): item is Placed => item !== undefined);
  const edges = list.flatMap((to) => {
    const from = to.node.parent ? placed.get(to.node.parent) : undefined;
    if (!from) return [];
    let path: string;
    if (mode === 'across') {
      const x1 = from.x + box_width;
      const y1 = from.y + box_height / 2;
      const y2 = to.y + box_height / 2;
      const middle = (x1 + to.x) / 2;
      path = `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${to.x} ${y2}`;
    } else {
      const x1 = from.x + 5;
      path = `M${x1} ${from.y + box_height}V${to.y + box_height / 2}H${to.x}`;
    }
    return [{ from, to, path }];
  });
  const width = list.reduce((most, item) => Math.max(most, item.x + box_width), 0);
  const height = list.reduce((most, item) => Math.max(most, item.y + box_height), 0);
  return { mode, width, height, box_width, box_height, placed: list, edges };
}
