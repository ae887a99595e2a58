// Where the vertices of a job graph stand, left to right: columns by the longest way from a source, their order by
// the middle of their neighbours, so that few edges cross. Edges over several columns have a place in each.

export const NODE = { width: 264, height: 118 };
const GAP = { column: 72, row: 26 };
const PLACE = 14; // height of an edge that passes a column

function columnsOf(nodes) {
  const column = new Map();
  const of = (id, way) => {
    if (column.has(id)) return column.get(id);
    if (way.has(id)) return 0;
    way.add(id);
    const before = nodes.get(id).inputs.map((input) => of(input, way) + 1);
    way.delete(id);
    column.set(id, Math.max(0, ...before));
    return column.get(id);
  };
  for (const id of nodes.keys()) of(id, new Set());
  return column;
}

const middle = (values, otherwise) => (values.length === 0 ? otherwise : values.reduce((a, b) => a + b, 0) / values.length);

function separate(column) {
  // Down from the top, then back up where that pushed too far: whoever overlaps gives way.
  for (let i = 1; i < column.length; ++i) {
    const least = column[i - 1].y + column[i - 1].height + GAP.row;
    if (column[i].y < least) column[i].y = least;
  }
}

/**
 * `vertices` are {id, inputs: [id]}. Answers {width, height, nodes: Map(id -> {x, y}), edges: [{from, to, points}]}, points being
 * the places that an edge passes, its two ends among them.
 */
export function layOut(vertices) {
  const known = new Set(vertices.map((one) => one.id));
  const nodes = new Map(vertices.map((one) => [one.id, { inputs: one.inputs.filter((id) => known.has(id)) }]));
  const columnOf = columnsOf(nodes);
  const columns = [];
  const at = (index) => (columns[index] ??= []);
  const items = new Map();
  for (const id of nodes.keys()) {
    const item = { column: columnOf.get(id), height: NODE.height, before: [], after: [], y: 0, rank: 0 };
    items.set(id, item);
    at(item.column).push(item);
  }
  const edges = [];
  for (const [id, node] of nodes) {
    for (const input of node.inputs) {
      const way = [items.get(input)];
      for (let c = columnOf.get(input) + 1; c < columnOf.get(id); ++c) {
        const place = { column: c, height: PLACE, before: [], after: [], y: 0, rank: 0, passes: true };
        at(c).push(place);
        way.push(place);
      }
      way.push(items.get(id));
      for (let i = 1; i < way.length; ++i) {
        way[i - 1].after.push(way[i]);
        way[i].before.push(way[i - 1]);
      }
      edges.push({ from: input, to: id, way });
    }
  }
  for (const column of columns) column.forEach((item, i) => (item.rank = i));
  const sortBy = (column, neighbours) => {
    const wanted = new Map(column.map((item) => [item, middle(item[neighbours].map((one) => one.rank), item.rank)]));
    column.sort((a, b) => wanted.get(a) - wanted.get(b));
    column.forEach((item, i) => (item.rank = i));
  };
  for (let round = 0; round < 6; ++round) {
    for (const column of columns.slice(1)) sortBy(column, 'before');
    for (const column of columns.slice(0, -1).reverse()) sortBy(column, 'after');
  }
  for (const column of columns) {
    let y = 0;
    for (const item of column) {
      item.y = y;
      y += item.height + GAP.row;
    }
  }
  const centre = (item) => item.y + item.height / 2;
  const pull = (column, neighbours) => {
    for (const item of column) {
      if (item[neighbours].length > 0) item.y = middle(item[neighbours].map(centre), 0) - item.height / 2;
    }
    separate(column);
  };
  for (let round = 0; round < 4; ++round) {
    for (const column of columns.slice(1)) pull(column, 'before');
    for (const column of columns.slice(0, -1).reverse()) pull(column, 'after');
  }
  const every = columns.flat();
  const top = Math.min(...every.map((item) => item.y));
  for (const item of every) item.y -= top;
  const x = (column) => column * (NODE.width + GAP.column);
  return {
    width: x(columns.length) - GAP.column,
    height: Math.max(...every.map((item) => item.y + item.height)),
    nodes: new Map([...items].map(([id, item]) => [id, { x: x(item.column), y: item.y }])),
    edges: edges.map(({ from, to, way }) => ({
      from,
      to,
      points: way.map((item, i) => ({
        x: x(item.column) + (i === 0 ? NODE.width : i === way.length - 1 || !item.passes ? 0 : NODE.width / 2),
        y: centre(item),
      })),
    })),
  };
}
